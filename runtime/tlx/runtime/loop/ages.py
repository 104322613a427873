"""How old labels are: percentiles of a year of them in a few kilobytes."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

_BIN_MS: Final = 1.0
_BINS: Final = 10_000


class AgeHistogram:
    """Counts ages in bins of a millisecond, up to ten seconds; older ones count as the last bin."""

    def __init__(self) -> None:
        self._counts = [0] * _BINS

    def add(self, age_ms: float) -> None:
        """Count one age."""
        self._counts[min(max(int(age_ms / _BIN_MS), 0), _BINS - 1)] += 1

    def percentile_ms(self, percent: float) -> float | None:
        """The upper edge of the bin below which ``percent`` (0 to 100) of the ages lie; None without any."""
        total = sum(self._counts)
        if not total:
            return None
        wanted = percent / 100 * total
        below = next(bin_ for bin_, count in enumerate(accumulate(self._counts)) if count >= wanted and count)
        return (below + 1) * _BIN_MS
