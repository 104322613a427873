"""Percentiles and ratios with distribution-free intervals that hold what they state: pure functions over samples.

Latencies are skewed and have several modes, so nothing here assumes a shape: the ends of an interval are order
statistics (values of the sorted sample) whose ranks come from the binomial distribution. Whole ranks would state 95 %
and hold up to 99 %, so the ends lie between two of them, where Nyblom's rule (1992; for the median it is that of
Hettmansperger and Sheather, 1986) puts them. The gates of an export take whole ranks, which hold at least what they
state: :mod:`tlx.runtime.timing.statistics`.

Calls of one turn resemble each other more than calls of different ones, as they share what the machine did then. How
much is read from the sample (the design effect of cluster sampling), and such a sample counts as the smaller one of
independent calls that tells as much.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.runtime.timing.statistics import CONFIDENCE, Estimate, binomial_probabilities, needed_samples

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

_T_OVER_Z: Final = (1.96**2 + 1) / 4
"""Of Student's t with n degrees of freedom, 95 %: about 1 + this / n times the normal quantile."""

Values = npt.NDArray[np.float64]
_ROUNDS_WITH_MEMORY: Final = 15
"""Fewer say nothing of how one resembles the next."""
Turns = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the calls of one engine say, in the unit of the calls.

    Attributes:
        count: Number of calls.
        p50: The median; its 95 % interval is None where the sample can't carry it.
        p90: With its 95 % interval; None where the sample can't carry that, as the others.
        samples_needed: For each interval that is None: about how many calls it takes, ``{"p99": 368}``.
        design_effect: How many calls of this sample tell as much about the median as one independent call, 1 or more.
        iqr: Distance of the quartiles.
    """

    count: int
    p50: Estimate
    p90: Estimate | None
    p95: Estimate | None
    p99: Estimate | None
    samples_needed: dict[str, int]
    design_effect: float
    iqr: float
    minimum: float
    maximum: float


def summarize(turns: Turns, confidence: float = CONFIDENCE) -> Summary:
    """Describe a sample.

    Args:
        turns: The calls of each turn; at least one call in all.
        confidence: Of the intervals.
    """
    values = np.concatenate([np.asarray(turn, dtype=np.float64) for turn in turns])
    estimates = {name: percentile(turns, quantile, confidence) for name, quantile in PERCENTILES.items()}
    lower_quartile, upper_quartile = np.quantile(values, [0.25, 0.75])
    return Summary(
        count=len(values),
        p50=estimates["p50"] or _alone(values),
        p90=estimates["p90"],
        p95=estimates["p95"],
        p99=estimates["p99"],
        samples_needed={
            name: _needed(turns, quantile, confidence)
            for name, quantile in PERCENTILES.items()
            if estimates[name] is None
        },
        design_effect=design_effect(turns, 0.5),
        iqr=float(upper_quartile - lower_quartile),
        minimum=float(values.min()),
        maximum=float(values.max()),
    )


def median(turns: Turns, confidence: float = CONFIDENCE) -> Estimate:
    """The median with its interval, whose ends are None if the sample can't carry one.

    Args:
        turns: The calls of each turn; at least one call in all.
        confidence: Of the interval.
    """
    return percentile(turns, 0.5, confidence) or _alone(np.concatenate([np.asarray(turn) for turn in turns]))


def percentile(turns: Turns, quantile: float, confidence: float = CONFIDENCE) -> Estimate | None:
    """A percentile with its interval, or None if the sample can't carry the interval.

    Args:
        turns: The calls of each turn; a sample of independent values is turns of one value each.
        quantile: Between 0 and 1.
        confidence: Of the interval.
    """
    values = np.concatenate([np.asarray(turn, dtype=np.float64) for turn in turns])
    return _percentile(values, quantile, confidence, design_effect(turns, quantile))


def _percentile(values: Values, quantile: float, confidence: float, effect: float) -> Estimate | None:
    ordered = np.sort(values)
    independent = int(len(ordered) / effect)
    positions = interval_positions(independent, quantile, confidence)
    if positions is None:
        return None
    # Where the same share of the whole sample lies below.
    low, high = (position / (independent + 1) * (len(ordered) + 1) for position in positions)
    return Estimate(float(np.quantile(ordered, quantile)), _value_at(ordered, low), _value_at(ordered, high))


def paired_ratio(baseline: Sequence[float], other: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """How many times faster ``other`` is than ``baseline``, judged round by round.

    What slows the machine down for a while slows both in the same round, and cancels.

    Args:
        baseline: The baseline's median of each round.
        other: The other's median of the same rounds.
        confidence: Of the interval.

    Returns:
        The median of the ratios baseline / other (2.0: the other takes half the time); its ends are None below
        :func:`~tlx.runtime.timing.statistics.needed_samples` rounds.
    """
    ratios = np.asarray(baseline, dtype=np.float64) / np.asarray(other, dtype=np.float64)
    # Rounds resemble those before them, less than the times themselves, but enough to promise too much.
    memory = 1.0
    if len(ratios) >= _ROUNDS_WITH_MEMORY:
        # Chance alone makes some series look as if they had a memory: an interval from end to end is the widest.
        fewest = needed_samples(0.5, confidence)
        memory = len(ratios) / max(independent_rounds(np.log(ratios)), fewest)
    estimate = _percentile(ratios, 0.5, confidence, memory)
    return estimate or _alone(ratios)


def _alone(values: Values) -> Estimate:
    """The median of a sample that can't carry an interval."""
    return Estimate(float(np.median(values)), None, None)


def design_effect(turns: Turns, quantile: float) -> float:
    """How many times as many calls it takes as if they were independent, 1 or more.

    The variance of the share of calls below the percentile, once from turn to turn and once as if each call were on
    its own; more, where a turn resembles the one before it. One turn alone says nothing of it and counts as
    independent.

    Args:
        turns: The calls of each turn.
        quantile: The percentile that is asked for.
    """
    values = np.concatenate([np.asarray(turn, dtype=np.float64) for turn in turns])
    sizes = np.array([len(turn) for turn in turns])
    if sizes.max() == 1:
        return 1.0
    if len(turns) == 1:
        return float(len(values))
    cut = np.quantile(values, quantile)
    # Equal values all lie on one side: on that which comes nearer.
    below = min((values <= cut, values < cut), key=lambda side: abs(float(side.mean()) - quantile))
    share = below.mean()
    if share in {0.0, 1.0}:
        return 1.0
    of_turn = np.add.reduceat(below, np.concatenate([[0], np.cumsum(sizes)[:-1]]), dtype=np.float64)
    among_turns = ((of_turn - share * sizes) ** 2).sum() * len(turns) / (len(turns) - 1)
    effect = float(among_turns / (share * (1 - share) * len(values)))
    if len(turns) >= _ROUNDS_WITH_MEMORY:
        effect *= len(turns) / independent_rounds(of_turn / sizes)
    # What few turns say of it is uncertain, and the interval wider for that: Student's t in place of the normal z.
    return 1.0 + max(0.0, effect - 1) * (1 + _T_OVER_Z / (len(turns) - 1)) ** 2


def independent_rounds(series: Sequence[float] | Values) -> float:
    """How many independent rounds would tell as much, from 1 to their number.

    Rounds resemble the ones before them where something else comes and goes on the machine: n (1 - r) / (1 + r), r
    being the correlation of neighbours (the effective sample size of a series with memory of one step).

    Args:
        series: One value for each round, in order.
    """
    values = np.asarray(series, dtype=np.float64)
    deviations = values - values.mean()
    spread = float((deviations**2).sum())
    if not spread:
        return float(len(values))
    correlation = min(max(float((deviations[1:] * deviations[:-1]).sum()) / spread, 0.0), 1.0)
    return max(1.0, len(values) * (1 - correlation) / (1 + correlation))


@functools.cache
def interval_positions(count: int, quantile: float, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Where in a sorted sample of independent values the ends of an interval lie.

    Args:
        count: Number of values.
        quantile: The percentile between them, between 0 and 1.
        confidence: Of the interval.

    Returns:
        Two positions from 1 to ``count``, a fraction lies between two values; None if ``count`` is too small.
    """
    if count < needed_samples(quantile, confidence):
        return None
    tail = (1 - confidence) / 2
    return _low_position(count, quantile, tail), count + 1 - _low_position(count, 1 - quantile, tail)


def _needed(turns: Turns, quantile: float, confidence: float) -> int:
    """About how many calls it takes, if further turns are like these."""
    independent = needed_samples(quantile, confidence)
    if len(turns) == 1:
        return max(independent, len(turns[0]) + 1)
    return math.ceil(independent * design_effect(turns, quantile))


def _low_position(count: int, quantile: float, tail: float) -> float:
    """Where the percentile lies below with the probability ``tail``."""
    # Value number r lies above the percentile if fewer than r values lie below it.
    above = np.cumsum(binomial_probabilities(count, quantile))
    rank = int(np.searchsorted(above, tail, side="right"))
    share = float((tail - above[rank - 1]) / (above[rank] - above[rank - 1]))
    towards = (count - rank) * quantile * share
    return rank + towards / (towards + rank * (1 - quantile) * (1 - share))


def _value_at(ordered: Values, position: float) -> float:
    return float(np.interp(position, np.arange(1, len(ordered) + 1), ordered))
