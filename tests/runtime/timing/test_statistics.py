from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tlx.runtime.timing.statistics import interval_ranks, needed_samples, paired_ratio, percentile


@pytest.mark.parametrize(
    ("count", "quantile", "ranks"),
    [
        # The textbook's table of 95 % intervals of the median.
        (5, 0.5, None),
        (6, 0.5, (1, 6)),
        (10, 0.5, (2, 9)),
        (20, 0.5, (6, 15)),
        (100, 0.5, (40, 61)),
        # p90 needs its upper end inside the sample.
        (35, 0.9, None),
        (0, 0.5, None),
    ],
)
def test_interval_ranks_follow_the_binomial(count: int, quantile: float, ranks: tuple[int, int] | None) -> None:
    assert interval_ranks(count, quantile) == ranks


def test_interval_ranks_of_mirrored_percentiles_mirror_each_other() -> None:
    low, high = interval_ranks(200, 0.9) or (0, 0)
    assert interval_ranks(200, 0.1) == (201 - high, 201 - low)


def at_most(successes: int, count: int) -> Fraction:
    """The exact probability of at most so many successes in ``count`` trials that succeed 9 times in 10."""
    ways = sum(math.comb(count, k) * 9**k for k in range(successes + 1))
    return Fraction(ways, 10**count)


@pytest.mark.parametrize("count", [36, 120, 1000])
def test_interval_ranks_hold_the_percentile_with_at_least_the_stated_probability(count: int) -> None:
    low, high = interval_ranks(count, 0.9) or (0, 0)
    assert at_most(high - 1, count) - at_most(low - 1, count) >= Fraction(95, 100)
    # And no wider than it must be: a rank less on either side breaks that side's half of the promise.
    assert at_most(low, count) > Fraction(25, 1000)
    assert 1 - at_most(high - 2, count) > Fraction(25, 1000)


@pytest.mark.parametrize(("quantile", "needed"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_needed_samples(quantile: float, needed: int) -> None:
    assert needed_samples(quantile) == needed
    assert interval_ranks(needed, quantile) is not None
    assert interval_ranks(needed - 1, quantile) is None


@pytest.mark.parametrize(
    ("quantile", "truth"),
    # Of exp(normal): its median is 1, its p90 is exp(1.28155).
    [(0.5, 1.0), (0.9, 3.602224)],
)
def test_percentile_intervals_cover_the_truth_of_a_skewed_distribution(quantile: float, truth: float) -> None:
    generator = np.random.default_rng(7)
    estimates = [percentile(generator.lognormal(size=120), quantile) for _ in range(2000)]
    covered = np.mean([e is not None and e.low is not None and e.low <= truth <= (e.high or 0) for e in estimates])
    assert 0.945 <= covered <= 0.98


def test_percentile_of_a_known_sample() -> None:
    estimate = percentile([float(value) for value in range(100, 0, -1)], 0.5)
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == (50.5, 40, 61)


def test_percentile_is_none_when_the_sample_is_too_small() -> None:
    assert percentile([1.0] * 5, 0.5) is None
    assert percentile([1.0] * 35, 0.9) is None


def test_paired_ratio_cancels_what_slows_down_both() -> None:
    generator = np.random.default_rng(3)
    load = generator.lognormal(sigma=1, size=20)
    ratio = paired_ratio(72.0 * load, 30.0 * load)
    assert ratio.value == pytest.approx(2.4)
    assert ratio.low == pytest.approx(2.4)
    assert ratio.high == pytest.approx(2.4)


def test_paired_ratio_covers_the_truth() -> None:
    generator = np.random.default_rng(5)
    ratios = [
        paired_ratio(generator.lognormal(np.log(3), 0.2, 20), generator.lognormal(0, 0.2, 20)) for _ in range(1000)
    ]
    assert 0.945 <= np.mean([(r.low or 9) <= 3 <= (r.high or 0) for r in ratios]) <= 0.985


def test_paired_ratio_has_no_interval_below_six_rounds() -> None:
    ratio = paired_ratio([2.0] * 5, [1.0] * 5)
    assert (ratio.value, ratio.low, ratio.high) == (2.0, None, None)
