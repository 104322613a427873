"""Where to look for the fastest network within a drop: one decision after another, on what was found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FIRST_SPEEDUP: Final = 6.0
"""Where a search begins if no speed is asked for."""
STEP: Final = 1.5
"""How much faster, or slower, each network is than the one before."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One time that was tried.

    Attributes:
        limit_ms: What the network was to take at most.
        latency_ms: What it takes; None if there is no network that is so fast.
        is_kept: Whether it keeps the drop.
    """

    limit_ms: float
    latency_ms: float | None = None
    is_kept: bool = False


def next_limit_ms(visits: Sequence[Visit], original_ms: float, bound_ms: float | None) -> float | None:
    """The time to try next, or None if the search is over.

    It begins with the slowest network that is fast enough and goes on to faster ones until one loses too much. Where
    no speed is asked for, it begins at :data:`FIRST_SPEEDUP`, and goes the other way if that loses too much or can't be
    had.

    Args:
        visits: So far, in their order.
        original_ms: The slowest that makes sense.
        bound_ms: The slowest that was asked for, if any.
    """
    if not visits:
        return original_ms / FIRST_SPEEDUP if bound_ms is None else bound_ms
    last = visits[-1]
    if last.is_kept and last.latency_ms is not None:
        return last.latency_ms / STEP if all(visit.is_kept for visit in visits) else None
    if bound_ms is not None or any(visit.is_kept for visit in visits):
        return None
    slower_ms = STEP * (last.latency_ms or last.limit_ms)
    return slower_ms if slower_ms < original_ms else None
