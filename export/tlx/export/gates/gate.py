"""The gates' names, and how the user switches one off."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Gate(StrEnum):
    """What a file has to pass before it's published, in this order."""

    PARITY = "parity"
    ACCURACY = "accuracy"
    SPEED = "speed"

    @property
    def flag(self) -> str:
        """The option that skips it."""
        return f"--skip-{self.value}-gate"


def skipped_names(skipped: Collection[Gate]) -> list[str]:
    """The skipped gates as :class:`tlx.contract.ExportRecord` holds them: in their order, each once."""
    return [gate.value for gate in Gate if gate in skipped]
