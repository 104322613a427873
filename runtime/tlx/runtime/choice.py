"""From probabilities to a class: plain Python, for programs that load nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_TWO: Final = 2


def decide(probabilities: Sequence[float], threshold: float) -> int:
    """Which class it is: the index of a label.

    With two classes it's the second from ``threshold`` upwards, with more the likeliest (the first of equals).
    """
    if len(probabilities) == _TWO:
        return int(probabilities[1] >= threshold)
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def rank(probabilities: Sequence[float], count: int) -> list[int]:
    """The indices of the ``count`` likeliest classes, the likeliest first."""
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    return order[:count]
