"""Intervals that hold what they state: simulated with known percentiles, and the cases that can be told by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from tlx.bench.statistics import (
    design_effect,
    interval_positions,
    paired_ratio,
    percentile,
    summarize,
)
from tlx.runtime.timing.statistics import interval_ranks, needed_samples

Values = npt.NDArray[np.float64]
Quantiles = Callable[[Values], Values]

NORMAL = NormalDist()
TRIALS = 1500
_GRID = np.linspace(1e-6, 1 - 1e-6, 20001)
_Z = np.array([NORMAL.inv_cdf(p) for p in _GRID])


def normal(p: Values) -> Values:
    return np.asarray(np.interp(p, _GRID, _Z), np.float64)


SHAPES: dict[str, Quantiles] = {
    "normal": lambda p: 10 + normal(p),
    "skewed": lambda p: np.exp(normal(p)),
    "exponential": lambda p: -np.log1p(-p),
    # Its variance is infinite.
    "heavy tail": lambda p: (1 - p) ** (-1 / 1.5),
    # One call in five finds the memory cold.
    "two modes": lambda p: np.where(p < 0.8, 1 + normal(p / 0.8) / 20, 1.5 + normal(np.abs(p - 0.8) / 0.2) / 20),
}


def coverage(shape: Quantiles, turns: int, calls: int, quantile: float, alike: float = 0.0) -> float:
    """How often the stated 95 % interval holds the true percentile; ``alike``: correlation of a turn's calls."""
    generator = np.random.default_rng(int(1000 * quantile) + turns)
    truth = float(shape(np.array(quantile)))
    held = 0
    for _ in range(TRIALS):
        of_turn, of_call = generator.normal(size=(turns, 1)), generator.normal(size=(turns, calls))
        mixed = math.sqrt(alike) * of_turn + math.sqrt(1 - alike) * of_call
        sample = shape(np.interp(mixed, _Z, _GRID))
        estimate = percentile(sample.tolist(), quantile)
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= truth <= estimate.high
    return held / TRIALS


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("quantile", "samples"), [(0.5, 7), (0.5, 10), (0.5, 60), (0.9, 50), (0.95, 150), (0.99, 500)])
def test_intervals_of_independent_calls_hold_95_percent(shape: str, quantile: float, samples: int) -> None:
    # Whole ranks would hold 98.4 % of seven samples' medians, and 97.9 % of ten samples'.
    assert 0.93 <= coverage(SHAPES[shape], samples, 1, quantile) <= 0.97


@pytest.mark.parametrize(("quantile", "turns"), [(0.5, 20), (0.5, 60), (0.9, 60)])
def test_intervals_of_turns_whose_calls_are_alike_hold_95_percent(quantile: float, turns: int) -> None:
    assert 0.93 <= coverage(SHAPES["skewed"], turns, 6, quantile, alike=0.4) <= 0.97


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_intervals_of_turns_whose_calls_are_not_alike_hold_95_percent(quantile: float) -> None:
    assert 0.93 <= coverage(SHAPES["skewed"], 40, 6, quantile) <= 0.97


def test_taking_calls_that_are_alike_for_independent_would_hold_much_less() -> None:
    """What the design effect is for: the same turns, cut into single calls."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(TRIALS):
        turns = np.exp(
            math.sqrt(0.4) * generator.normal(size=(20, 1)) + math.sqrt(0.6) * generator.normal(size=(20, 6))
        )
        estimate = percentile([[call] for call in turns.ravel().tolist()], 0.5)
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 1.0 <= estimate.high
    assert held / TRIALS < 0.85


@pytest.mark.parametrize("rounds", [6, 8, 11, 20, 60])
def test_intervals_of_ratios_hold_95_percent(rounds: int) -> None:
    generator = np.random.default_rng(rounds)
    held = 0
    for _ in range(2 * TRIALS):
        # What slows the machine down for a round slows both; each has noise of its own beside it.
        load = generator.lognormal(sigma=0.5, size=rounds)
        baseline, other = (load * generator.lognormal(math.log(ms), 0.1, rounds) for ms in (72.0, 30.0))
        ratio = paired_ratio(baseline.tolist(), other.tolist())
        assert ratio.low is not None
        assert ratio.high is not None
        held += ratio.low <= 2.4 <= ratio.high
    assert 0.93 <= held / (2 * TRIALS) <= 0.97


@pytest.mark.parametrize(("count", "quantile"), [(6, 0.5), (14, 0.5), (15, 0.5), (36, 0.9), (100, 0.9), (400, 0.99)])
def test_positions_lie_within_the_whole_ranks_that_hold_at_least_95_percent(count: int, quantile: float) -> None:
    positions, ranks = interval_positions(count, quantile), interval_ranks(count, quantile)
    assert positions is not None
    assert ranks is not None
    assert ranks[0] <= positions[0] < ranks[0] + 1
    assert ranks[1] - 1 < positions[1] <= ranks[1]


def test_positions_of_the_median_are_those_of_hettmansperger_and_sheather() -> None:
    """Worked by hand for ten values: the ranks (2, 9) hold 0.97852 and (3, 8) hold 0.89063."""
    share = (0.978515625 - 0.95) / (0.978515625 - 0.890625)
    towards = (10 - 2) * share / (2 + (10 - 4) * share)
    assert interval_positions(10, 0.5) == pytest.approx((2 + towards, 9 - towards))


@pytest.mark.parametrize(("count", "quantile"), [(5, 0.5), (35, 0.9), (71, 0.95), (367, 0.99)])
def test_a_sample_that_is_too_small_has_no_interval(count: int, quantile: float) -> None:
    assert interval_positions(count, quantile) is None
    assert interval_positions(count + 1, quantile) is not None
    assert needed_samples(quantile) == count + 1


def test_summary_says_how_many_calls_the_missing_percentiles_need() -> None:
    summary = summarize([[float(call)] for call in range(1, 51)])
    assert (summary.count, summary.p50.value, summary.minimum, summary.maximum) == (50, 25.5, 1.0, 50.0)
    assert summary.iqr == 24.5
    assert summary.p90 is not None
    assert (summary.p95, summary.p99) == (None, None)
    assert summary.samples_needed == {"p95": 72, "p99": 368}


def test_summary_gives_the_median_of_a_small_sample_without_an_interval() -> None:
    summary = summarize([[1.0], [2.0], [4.0]])
    assert (summary.p50.value, summary.p50.low, summary.p50.high) == (2.0, None, None)
    assert summary.samples_needed == {"p50": 6, "p90": 36, "p95": 72, "p99": 368}


def test_turns_that_say_one_thing_each_count_as_one_call_each() -> None:
    """Eight turns of six equal calls are eight values: an interval of p90 can't be made of them."""
    alike = [[float(turn)] * 6 for turn in range(8)]
    # Six, and the uncertainty of eight turns.
    assert design_effect(alike, 0.5) > 6
    summary = summarize(alike)
    assert summary.p90 is None
    assert summary.samples_needed["p90"] > 48
    # The same values in other turns, each of which has seen most of them.
    mixed = [[float((turn + call) % 8) for call in range(6)] for turn in range(8)]
    assert design_effect(mixed, 0.5) == 1.0
    assert summarize(mixed).p90 is not None


def test_one_turn_says_nothing_of_others() -> None:
    summary = summarize([[float(call) for call in range(48)]])
    assert (summary.p50.value, summary.p50.low, summary.p90) == (23.5, None, None)
    # More than there are, and in another turn.
    assert summary.samples_needed == {"p50": 49, "p90": 49, "p95": 72, "p99": 368}
    assert design_effect([[1.0, 1.0], [1.0, 1.0]], 0.5) == 1.0


def test_turns_of_different_lengths_are_allowed() -> None:
    assert summarize([[1.0, 2.0], [3.0], [2.0, 4.0, 1.0], [5.0]]).count == 7


@pytest.mark.parametrize(("correlation", "rounds", "least"), [(0.3, 45, 0.92), (0.6, 70, 0.91), (0.6, 200, 0.93)])
def test_rounds_with_a_memory_count_as_fewer(correlation: float, rounds: int, least: float) -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(600):
        steps = random.normal(size=rounds)
        for place in range(1, rounds):
            steps[place] = correlation * steps[place - 1] + math.sqrt(1 - correlation**2) * steps[place]
        ratio = paired_ratio(np.exp(0.1 * steps).tolist(), [1.0] * rounds)
        held += ratio.low is not None and ratio.high is not None and ratio.low <= 1 <= ratio.high
    assert least <= held / 600 <= 0.99


def test_a_ratio_has_no_interval_below_six_rounds() -> None:
    ratio = paired_ratio([2.0] * 5, [1.0] * 5)
    assert (ratio.value, ratio.low, ratio.high) == (2.0, None, None)
