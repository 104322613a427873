"""What is known of an engine beside its latency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tlx.bench.measures.cold_start import ColdStart
from tlx.bench.measures.energy import Energy
from tlx.bench.measures.memory import Memory
from tlx.bench.measures.stages import Stages
from tlx.bench.measures.steady import Sustained
from tlx.bench.measures.transfers import Transfers


@dataclass(frozen=True, slots=True)
class Extras:
    """One engine's measures; what wasn't asked for or can't be had is None.

    Attributes:
        model_bytes: Size of its model file, or of all files where the model is a folder.
        notes: Why figures that were asked for are missing, one line each.
    """

    model_bytes: int | None = None
    stages: Stages | None = None
    cold_start: ColdStart | None = None
    memory: Memory | None = None
    sustained: Sustained | None = None
    energy: Energy | None = None
    transfers: Transfers | None = None
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The fields of an engine's row in the report, as plain JSON values; the notes are the report's."""
        return {
            "model_bytes": self.model_bytes,
            "stages": self.stages and self.stages.document(),
            "cold_start": self.cold_start and self.cold_start.document(),
            "memory": self.memory and self.memory.document(),
            "sustained": self.sustained and self.sustained.document(),
            "energy": self.energy and self.energy.document(),
            "transfers": self.transfers and self.transfers.document(),
        }


def all_notes(extras: Iterable[Extras]) -> list[str]:
    """The notes of all engines; what holds for several is said once."""
    return list(dict.fromkeys(note for one in extras for note in one.notes))
