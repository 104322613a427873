"""What else went on on the machine while the engines were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether all engines together got slower or faster from the first round to the last.

    Attributes:
        share: By how much of their times: 0.05 is 5 % slower at the end than at the start, negative is faster.
        significant: More than chance explains, with 99 % confidence.
    """

    share: float
    significant: bool


@dataclass(frozen=True, slots=True)
class Interference:
    """What disturbed the measurement.

    Attributes:
        steal_share: Of the engines' processors, while the rounds ran: what the hypervisor gave to others, 0–1. This
            and the next are None where the system doesn't tell.
        other_load_share: What other processes used, 0–1.
        frequency_mhz: The lowest and the highest frequency that was seen between turns; None where it isn't told.
        drift: None with too few rounds to tell.
        warnings: One line for each thing that makes the figures doubtful.
    """

    steal_share: float | None
    other_load_share: float | None
    frequency_mhz: tuple[float, float] | None
    drift: Drift | None
    warnings: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "steal_share": self.steal_share,
            "other_load_share": self.other_load_share,
            "frequency_mhz": self.frequency_mhz and dict(zip(("low", "high"), self.frequency_mhz, strict=True)),
            "drift": self.drift and {"share": self.drift.share, "significant": self.drift.significant},
            "warnings": list(self.warnings),
        }
