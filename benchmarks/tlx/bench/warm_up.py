"""Calling an engine until its times no longer fall: caches, allocators, clocks and compilers settle first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

WINDOW_CALLS: Final = 6
WINDOW_MS: Final = 600.0
WINDOWS: Final = 3
"""The engine is warm when the median of the newest window isn't faster than that of the two before it by more than
the tolerance: it may be slower, which is the machine's noise and not the engine's."""
TOLERANCE: Final = 0.03
LONGEST_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What came before an engine's first timed call.

    Attributes:
        calls: How many there were, the first ever included.
        first_ms: How long the first one took.
        stable: Whether the times had stopped to fall; otherwise the time for it ran out.
    """

    calls: int
    first_ms: float
    stable: bool


def is_stable(medians_ms: Sequence[float]) -> bool:
    """Whether an engine's times have stopped to fall.

    Args:
        medians_ms: The median call of each window so far, in order.
    """
    if len(medians_ms) < WINDOWS:
        return False
    newest = medians_ms[-1]
    before = float(np.median(medians_ms[-WINDOWS:-1]))
    return newest >= before * (1 - TOLERANCE)


def window_calls(call_ms: float) -> int:
    """How many calls of this length a window has: fewer where they take long."""
    return max(2, min(WINDOW_CALLS, int(WINDOW_MS / max(call_ms, 1e-3))))


def longest_s(max_seconds: float, engines: int) -> float:
    """How long one engine may take to get warm, of a bench of so many seconds: together a quarter of it at most."""
    return min(LONGEST_S, max_seconds / 4 / max(engines, 1))
