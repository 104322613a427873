"""Percentiles and ratios with distribution-free intervals: pure functions over samples.

Latencies are skewed and have several modes, so nothing here assumes a shape: an interval is a pair of order
statistics (values of the sorted sample) whose ranks come from the binomial distribution. The samples are taken
to be independent; calls of one turn on a busy machine aren't quite, which is why ratios are judged on rounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95

Samples = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval.

    Attributes:
        low: Lower end of the interval, of 95 % unless another was asked for; None if the sample is too small for one.
        high: Upper end, likewise.
    """

    value: float
    low: float | None
    high: float | None


def percentile(samples: Samples, quantile: float, confidence: float = CONFIDENCE) -> Estimate | None:
    """A percentile with its interval, or None if the sample can't carry the interval.

    Args:
        samples: Latencies in any order.
        quantile: Between 0 and 1.
        confidence: Of the interval.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    ranks = interval_ranks(len(ordered), quantile, confidence)
    if ranks is None:
        return None
    return Estimate(float(np.quantile(ordered, quantile)), float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1]))


def interval_ranks(count: int, quantile: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks of the order statistics that hold a percentile between them.

    The number of samples below the true percentile is binomial, so sample number ``low`` lies above it with at
    most half of the error probability, and sample number ``high`` below it with at most the other half.

    Args:
        count: Number of samples.
        quantile: Between 0 and 1.
        confidence: The probability that the interval holds the true value is at least this.

    Returns:
        Ranks from 1 to ``count``, or None if ``count`` is too small for such an interval.
    """
    if count < 1:
        return None
    below_or_equal = np.cumsum(binomial_probabilities(count, quantile))
    tail = (1 - confidence) / 2
    # low is the largest rank with P(B <= low - 1) <= tail; high the smallest with P(B >= high) <= tail.
    low = int(np.searchsorted(below_or_equal, tail, side="right"))
    high = int(np.searchsorted(below_or_equal, 1 - tail, side="left")) + 1
    return (low, high) if low >= 1 and high <= count else None


def needed_samples(quantile: float, confidence: float = CONFIDENCE) -> int:
    """The smallest sample that carries an interval of this percentile."""
    # Its smallest value must lie below the percentile, and its largest above it, but for half of the error each.
    return math.ceil(math.log((1 - confidence) / 2) / math.log(max(quantile, 1 - quantile)))


def paired_ratio(baseline: Samples, other: Samples, confidence: float = CONFIDENCE) -> Estimate:
    """How many times faster ``other`` is than ``baseline``, judged round by round.

    What slows the machine down for a while slows both in the same round, and cancels.

    Args:
        baseline: The baseline's median of each round.
        other: The other's median of the same rounds.
        confidence: Of the interval.

    Returns:
        The median of the ratios baseline / other (2.0: the other takes half the time); its ends are None
        below :func:`needed_samples` rounds.
    """
    ratios = np.asarray(baseline, dtype=np.float64) / np.asarray(other, dtype=np.float64)
    return percentile(ratios, 0.5, confidence) or Estimate(float(np.median(ratios)), None, None)


def binomial_probabilities(count: int, probability: float) -> npt.NDArray[np.float64]:
    """The probability of 0, 1, ... ``count`` successes."""
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    successes = np.arange(count + 1)
    log_choices = log_factorials[count] - log_factorials[successes] - log_factorials[count - successes]
    logs = log_choices + successes * np.log(probability) + (count - successes) * np.log1p(-probability)
    return np.asarray(np.exp(logs), dtype=np.float64)
