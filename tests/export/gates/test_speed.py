"""The speed gate's decision."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tlx.export.gates.speed import explain_speed, judge_speed
from tlx.runtime.timing.speed import FEWEST_ROUNDS, LOOKS, SpeedRounds


def rounds(ratios: list[float], candidate_ms: float = 10.0) -> SpeedRounds:
    reference_ms = tuple(candidate_ms * ratio for ratio in ratios)
    return SpeedRounds(reference_ms, (candidate_ms,) * len(ratios), "cpu", 2)


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([3.0] * 14, "passed"),
        # Two spoilt rounds, on either side, change nothing.
        ([3.0] * 12 + [0.1, 0.2], "passed"),
        ([1.0] * 12 + [50.0, 60.0], "failed"),
        ([3.0] * 11 + [0.1, 0.2, 0.3], "failed"),
        # A tie, and faster by less than was asked for.
        ([1.0] * 14, "failed"),
        ([1.09] * 56, "failed"),
        # Exactly what was asked for is enough.
        ([1.1] * 14, "passed"),
        ([0.7] * 14, "failed"),
        # Faster in the middle, but the noise is larger.
        ([1.0, 1.05] * 3 + [1.3] * 8, "failed"),
        # Few rounds have to agree, all of them.
        ([2.0] * FEWEST_ROUNDS, "passed"),
        ([2.0] * (FEWEST_ROUNDS - 1) + [1.0], "failed"),
    ],
)
def test_judge_speed(ratios: list[float], verdict: str) -> None:
    record = judge_speed(rounds(ratios))
    assert record.verdict == verdict
    assert record.rounds == len(ratios)
    assert record.ratio_low <= record.ratio <= record.ratio_high
    assert record.p50_ms == 10.0


def test_judge_speed_takes_another_ratio_and_tells_its_figures() -> None:
    record = judge_speed(rounds([3.0] * 14), minimum_ratio=3.5)
    assert (record.verdict, record.minimum_ratio, record.reference_p50_ms) == ("failed", 3.5, 30.0)
    assert record.processor
    assert explain_speed(record) == (
        "3.00 times as fast, with 95 % confidence 3.00 to 3.00 (asked for: 3.5); 10.00 ms against 30.00 ms on cpu "
        "with 2 threads, 14 rounds"
    )


def test_judge_speed_pairs_the_rounds() -> None:
    """A machine that is ten times slower in some rounds slows both."""
    load = np.array([1.0, 10.0] * 7)
    record = judge_speed(SpeedRounds(tuple(12.0 * load), tuple(10.0 * load), "cpu", 1))
    assert record.verdict == "passed"
    assert record.ratio_low == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("reference_ms", "candidate_ms", "message"),
    [
        ([], [], "at least 7 rounds"),
        ([1.0], [1.0], "at least 7 rounds"),
        ([1.0] * 8, [1.0] * 7, "as many rounds"),
        ([1.0] * 13 + [math.nan], [1.0] * 14, "times above 0"),
        ([1.0] * 14, [1.0] * 13 + [math.inf], "times above 0"),
        ([1.0] * 14, [1.0] * 13 + [0.0], "times above 0"),
    ],
)
def test_rounds_that_can_not_be_judged_are_refused(
    reference_ms: list[float], candidate_ms: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SpeedRounds(tuple(reference_ms), tuple(candidate_ms), "cpu", 1)


@pytest.mark.parametrize("truth", [1.0, 1.1])
def test_a_file_that_is_not_faster_passes_at_most_1_in_40_times_although_it_is_looked_at_thrice(truth: float) -> None:
    generator = np.random.default_rng(11)
    passed = 0
    for _ in range(400):
        ratios = (truth - 1e-9) * generator.lognormal(0, 0.1, LOOKS[-1])
        passed += any(judge_speed(rounds(ratios[:look].tolist())).verdict == "passed" for look in LOOKS)
    assert passed / 400 <= 0.025
