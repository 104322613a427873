"""Where to look for the fastest network within a drop: one decision after another, on what was found so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tlx.core.compress.course import left_for_learning
from tlx.errors import GateError, InputError

NETWORKS: Final = 4
"""A search teaches at most so many, each for its share of the time."""
FIRST_SPEEDUP: Final = 6.0
"""Where a search begins if no speed is asked for."""
STEP: Final = 1.5
"""How much faster, or slower, each network is than the one before, until one keeps the drop and one doesn't."""
CLOSE: Final = 1.1
"""Two times nearer to each other than this aren't worth another network."""
WORTH: Final = 0.05
"""Of the time, what is left for no other network is worth learning on."""


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

    @property
    def time_ms(self) -> float:
        """Measured, or what was asked for in vain."""
        return self.limit_ms if self.latency_ms is None else self.latency_ms


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search is for.

    Attributes:
        max_drop: Points of accuracy that may be lost.
        bound_ms: The slowest that was asked for, if any.
        original_ms: The slowest that makes sense.
        seconds: For the search: making, teaching and judging its networks.
        answers_s: What of them the original has taken to answer.
    """

    max_drop: float
    bound_ms: float | None
    original_ms: float
    seconds: float
    answers_s: float = 0.0


class Taught(Protocol):
    """A network that has learned, and was timed and judged."""

    @property
    def latency_ms(self) -> float:
        """Of one picture, at the pace at which the original takes :attr:`Wanted.original_ms`."""

    @property
    def drop_points(self) -> float:
        """Against the original."""


T = TypeVar("T", bound=Taught)


def find_fastest(
    wanted: Wanted,
    teach: Callable[[float, float], T],
    learn_on: Callable[[T, float], T],
    clock: Callable[[], float] = time.monotonic,
) -> list[T]:
    """Networks within the drop, the fastest one first.

    What no other network needs of the time goes to the fastest one, or, if none keeps the drop, to the one that loses
    least.

    Args:
        wanted: Bounds.
        teach: Makes a network of at most so many milliseconds, teaches and judges it, all in so many seconds; an
            InputError if there is none.
        learn_on: Teaches one on and judges it, in so many seconds.
        clock: Tells the time in seconds.

    Raises:
        InputError: If there is no network that is so fast.
        GateError: If each loses too much.
    """
    tried: list[T] = []
    visits: list[Visit] = []
    refusal: InputError | None = None
    end_s = clock() + left_for_learning(wanted.seconds, wanted.answers_s)
    while len(tried) < NETWORKS and (clock() < end_s or not tried):
        limit_ms = next_limit_ms(visits, wanted.original_ms, wanted.bound_ms)
        if limit_ms is None:
            break
        try:
            taught = teach(limit_ms, max(0.0, end_s - clock()) / (NETWORKS - len(tried)))
        except InputError as error:
            refusal = error
            visits.append(Visit(limit_ms))
            continue
        visits.append(Visit(limit_ms, taught.latency_ms, taught.drop_points <= wanted.max_drop))
        tried.append(taught)
    if refusal is not None and not tried:
        raise refusal
    kept = [taught for taught in tried if taught.drop_points <= wanted.max_drop]
    kept.sort(key=lambda taught: taught.latency_ms)
    best = kept[0] if kept else min(tried, key=lambda taught: taught.drop_points)
    left_s = end_s - clock()
    if len(tried) < NETWORKS and left_s > WORTH * wanted.seconds:
        best = min(best, learn_on(best, left_s), key=lambda taught: taught.drop_points)
    if best.drop_points > wanted.max_drop:
        raise GateError(_lost_too_much(best, wanted))
    return [best, *kept[1:]]


def _lost_too_much(closest: Taught, wanted: Wanted) -> str:
    slower = "" if wanted.bound_ms is None else "ask for less speed, "
    return (
        f"the network of {closest.latency_ms:.2f} ms loses {closest.drop_points:.2f} points on the photos kept for the "
        f"choice, allowed are {wanted.max_drop:g}: {slower}allow more, or give it more than --minutes "
        f"{wanted.seconds / 60:.3g}"
    )


def next_limit_ms(visits: Sequence[Visit], original_ms: float, bound_ms: float | None) -> float | None:
    """The time to try next, or None if the search is over.

    It begins with the slowest network that is fast enough and goes on to faster ones until one loses too much. Where
    no speed is asked for, it begins at :data:`FIRST_SPEEDUP`, and goes the other way if that loses too much or can't be
    had. Between the fastest that keeps the drop and the slowest that doesn't it goes on halfway (of their ratio), until
    they are :data:`CLOSE`.

    Args:
        visits: So far, in their order.
        original_ms: The slowest that makes sense.
        bound_ms: The slowest that was asked for, if any.
    """
    if not visits:
        return original_ms / FIRST_SPEEDUP if bound_ms is None else bound_ms
    kept_ms = min((visit.time_ms for visit in visits if visit.is_kept), default=math.inf)
    lossy_ms = max((visit.time_ms for visit in visits if not visit.is_kept), default=0.0)
    if math.isinf(kept_ms):
        slower_ms = STEP * lossy_ms
        return slower_ms if bound_ms is None and slower_ms < original_ms else None
    if not lossy_ms:
        return kept_ms / STEP
    return math.sqrt(kept_ms * lossy_ms) if kept_ms > CLOSE * lossy_ms else None
