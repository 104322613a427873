"""How much longer a call takes in one bench than in another, with an interval.

The unit is the round: calls of one turn share what the machine did just then, so counting each of them would promise
far more than is known (repetition counts at the level where the variation arises: Kalibera and Jones, Rigorous
Benchmarking in Reasonable Time, ISMM 2013, who also ask for an interval of the ratio instead of a bare test).

Two benches ran at different times, so their rounds are no pairs. Each has the interval of its median from order
statistics, which assumes no shape; the two are joined by the square-and-add rule (MOVER: Zou and Donner, Construction
of confidence limits about effect measures, Statistics in Medicine 27, 2008; Newcombe, 1998), on the logarithms, as a
ratio is asked for. It keeps each side's own skew and spread. Rank-sum intervals (Hodges and Lehmann), the usual
choice, are narrower but take both benches to be equally noisy; where one of them wasn't, they called equal programs
different in up to 14 % of trials.

Rounds resemble the ones before them where something else comes and goes on the machine. So a bench counts as the
smaller one of independent rounds that tells as much: n (1 - r) / (1 + r), r being the correlation of neighbours (the
effective sample size of a series with memory of one step). Without that, equal programs were called different in 20 %
of trials at r = 0.6; with it in less than 5 % at any r. ``tests/bench/comparing/test_ratio.py`` has these trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tlx.bench.statistics import independent_rounds
from tlx.runtime.timing.statistics import CONFIDENCE, Estimate, interval_ranks

_Series = npt.NDArray[np.float64]


def ratio_of_medians(before_ms: Sequence[float], after_ms: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """How many times as long a call takes afterwards: 1.08 is 8 % slower.

    Args:
        before_ms: The median call of each round of the first bench, in order; at least one, all above 0.
        after_ms: Those of the second one.
        confidence: Of the interval.

    Returns:
        The ratio of the medians over the rounds; its ends are None where one of the benches has too few rounds, or too
        few that tell something of their own.
    """
    before, after = (np.log(np.asarray(times_ms, dtype=np.float64)) for times_ms in (before_ms, after_ms))
    difference = float(np.median(after) - np.median(before))
    reaches = [_reaches(series, confidence) for series in (before, after)]
    if reaches[0] is None or reaches[1] is None:
        return Estimate(math.exp(difference), None, None)
    (before_down, before_up), (after_down, after_up) = reaches[0], reaches[1]
    down, up = math.hypot(after_down, before_up), math.hypot(after_up, before_down)
    return Estimate(math.exp(difference), math.exp(difference - down), math.exp(difference + up))


def _reaches(series: _Series, confidence: float) -> tuple[float, float] | None:
    """How far the interval of a series' median reaches down and up from it."""
    count = int(independent_rounds(series))
    ranks = interval_ranks(count, 0.5, confidence)
    if ranks is None:
        return None
    # Where the same share of the whole series lies below.
    ordered, places = np.sort(series), np.arange(1, len(series) + 1)
    low, high = (np.interp(rank / (count + 1) * (len(series) + 1), places, ordered) for rank in ranks)
    middle = float(np.median(series))
    return middle - float(low), float(high) - middle
