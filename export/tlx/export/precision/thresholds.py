"""Where to cut a layer's range, as pure functions of how often each value was seen.

Eight bits spread over the whole range waste most steps if a few values lie far out. Cutting these off makes the
steps finer for all others: ``percentile`` cuts off a fixed share, ``entropy`` cuts where the least information
about the distribution is lost (as TensorRT does).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

PERCENTILE: Final = 99.999
LEVELS: Final = 256
_STEP: Final = 8
"""Bins between two cuts that are compared."""
_UNSEEN: Final = 1e-4
"""The count that stands for none where values were clipped to."""


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest value of a tensor; zero lies between or is one of them."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often the values of a tensor were seen.

    Attributes:
        counts: ``int64 [bins]``, over equal parts of ``within``.
        within: The whole range.
    """

    counts: npt.NDArray[np.int64]
    within: Range

    def __post_init__(self) -> None:
        # Far from zero, equal parts of a narrow range would be without number when they're counted from zero.
        if not self.within.low <= 0 <= self.within.high:
            raise ValueError(f"expected a range that holds zero, got {self.within}")


def percentile_range(histogram: Histogram, percentile: float = PERCENTILE) -> Range:
    """The range without the rarest values.

    Args:
        histogram: Of one tensor.
        percentile: The share that stays, 0 to 100; what goes is taken from both ends alike.
    """
    counts, within = histogram.counts, histogram.within
    total = counts.sum()
    cut = total * (100 - percentile) / 200
    edges = _edges(histogram)
    first = int(np.searchsorted(np.cumsum(counts), cut, side="right"))
    last = int(np.searchsorted(np.cumsum(counts), total - cut, side="left"))
    if total == 0 or first > last:
        return within
    return Range(min(float(edges[first]), 0.0), max(float(edges[last + 1]), 0.0))


def entropy_range(histogram: Histogram, levels: int = LEVELS) -> Range:
    """The range that keeps the distribution best, by the Kullback-Leibler divergence.

    Args:
        histogram: Of one tensor, with more bins than levels.
        levels: Steps of the quantized tensor.
    """
    within = histogram.within
    if within.low == within.high:
        return within
    magnitudes = _by_magnitude(histogram)
    # A tensor with both signs has half of the steps for each.
    levels = levels if within.low >= 0 or within.high <= 0 else levels // 2
    cuts = range(levels, len(magnitudes) + 1, _STEP)
    losses = [_divergence(magnitudes, cut, levels) for cut in cuts]
    if not losses:
        return within
    # Of equal losses the widest range: it cuts off least.
    best = len(losses) - 1 - int(np.argmin(losses[::-1]))
    threshold = max(abs(within.low), abs(within.high)) * cuts[best] / len(magnitudes)
    return Range(max(within.low, -threshold), min(within.high, threshold))


def _edges(histogram: Histogram) -> npt.NDArray[np.float64]:
    return np.linspace(histogram.within.low, histogram.within.high, len(histogram.counts) + 1)


def _by_magnitude(histogram: Histogram) -> npt.NDArray[np.float64]:
    """How often absolute values were seen, in bins as wide as the histogram's own, from 0 to the largest."""
    within, bins = histogram.within, len(histogram.counts)
    width = (within.high - within.low) / bins
    edges = _edges(histogram)
    places = (np.abs(edges[:-1] + edges[1:]) / (2 * width)).astype(np.int64)
    counts: npt.NDArray[np.float64] = np.bincount(places, weights=histogram.counts).astype(np.float64)
    # Half of a tensor behind a ReLU is exactly zero, which every step size represents: it has no vote.
    counts[0] = counts[1]
    return counts


def _divergence(counts: npt.NDArray[np.float64], cut: int, levels: int) -> float:
    """What is lost if the values beyond ``cut`` bins are clipped and the others share ``levels`` steps."""
    kept = counts[:cut]
    clipped = kept.copy()
    clipped[-1] += counts[cut:].sum()
    seen = clipped > 0
    starts = np.arange(levels) * cut // levels
    sums = np.add.reduceat(kept, starts)
    present = np.add.reduceat(seen.astype(np.float64), starts)
    shares = np.divide(sums, present, out=np.zeros(levels), where=present > 0)
    spread = np.repeat(shares, np.diff(np.append(starts, cut)))
    p, q = clipped[seen] / clipped.sum(), np.maximum(spread[seen], _UNSEEN) / max(kept.sum(), 1)
    return float(np.sum(p * np.log(p / q)))
