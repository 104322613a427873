"""How many pictures go through the network at once: found out on the job, by measurement."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Final

SIZES: Final = (1, 2, 4, 8)
"""Larger ones gained nothing on any processor that was tried, and take memory."""
_TRIALS: Final = 3
_WORTHWHILE: Final = 0.98
"""A larger batch must take at most this share of a smaller one's time for a picture."""


class BatchChooser:
    """Tries each size a few times on the first pictures, then keeps the fastest; safe for threads.

    The first run of a size isn't counted: the engine plans its memory then.
    """

    def __init__(self, sizes: Sequence[int] = SIZES) -> None:
        self._sizes = tuple(sizes)
        self._lock = threading.Lock()
        self._seconds: defaultdict[int, list[float]] = defaultdict(list)
        self._chosen = self._sizes[0] if len(self._sizes) == 1 else None

    @property
    def largest(self) -> int:
        """The largest size that it may give."""
        return self._chosen or self._sizes[-1]

    def size(self) -> int:
        """How many pictures the next batch should have, at most."""
        with self._lock:
            if self._chosen is not None:
                return self._chosen
            return next(size for size in self._sizes if len(self._seconds[size]) <= _TRIALS)

    def record(self, pictures: int, seconds: float) -> None:
        """Tell what a batch took: ``pictures`` may be any number, also of a batch that wasn't full."""
        with self._lock:
            if self._chosen is not None:
                return
            self._seconds[pictures].append(seconds / pictures)
            if all(len(self._seconds[size]) > _TRIALS for size in self._sizes):
                self._chosen = fastest({size: median(self._seconds[size][1:]) for size in self._sizes})


def fastest(seconds_a_picture: dict[int, float]) -> int:
    """The size to keep: the smallest one that no larger one beats clearly.

    Args:
        seconds_a_picture: For each size, at least one.
    """
    best, *larger = sorted(seconds_a_picture)
    for size in larger:
        if seconds_a_picture[size] <= _WORTHWHILE * seconds_a_picture[best]:
            best = size
    return best
