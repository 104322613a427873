"""What is said about a live source, which isn't always what the last picture said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "unknown"
"""The label where no class is likely enough."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said after a picture, all that came before it considered.

    Attributes:
        label: A class, or :data:`UNKNOWN`.
        probability: Of that class, smoothed and calibrated, 0 to 1; of the likeliest class where it's unknown.
        probabilities: Of all classes, smoothed and calibrated, in the order of the contract's labels.
        changed: Whether the label differs from the one said before (true for the first one of a source).
        since_s: Since when this label is said, in seconds of the monotonic clock.
    """

    label: str
    probability: float
    probabilities: tuple[float, ...]
    changed: bool
    since_s: float
