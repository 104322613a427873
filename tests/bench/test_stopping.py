from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tlx.bench.plan import EngineSpec, Plan, Workload
from tlx.bench.sampling import EngineRecord, why_end
from tlx.bench.statistics import paired_ratio
from tlx.bench.stopping import LOOK_CONFIDENCE, LOOKS, is_look, is_narrow
from tlx.runtime.timing.protocol import Samples

MS = 1_000_000


def engine(name: str, medians_ms: list[float], *, threads: int = 1) -> EngineRecord:
    turns = [Samples([int(ms * MS)] * 3, 0, 0, 0) for ms in medians_ms]
    return EngineRecord(EngineSpec(name, Path("model.onnx"), (8, 8), threads=threads), name, turns=turns)


def test_looks_are_few_and_far_between() -> None:
    assert [rounds for rounds in range(1, 401) if is_look(rounds)] == [*LOOKS, 200, 300, 400]
    assert not is_look(0) or LOOKS[0] > 0


def test_narrow_is_when_every_median_and_every_ratio_is() -> None:
    steady, noisy = [10.0, 10.1] * 15, [5.0, 6.0] * 15
    assert is_narrow([engine("a", steady)], 0.02)
    assert not is_narrow([engine("a", steady), engine("b", noisy)], 0.02)
    assert is_narrow([engine("a", steady), engine("b", noisy)], 0.2)
    # Both medians are vague, and so is their ratio, unless what disturbs them is the same.
    assert not is_narrow([engine("a", noisy), engine("b", noisy)], 0.02)
    assert not is_narrow([engine("a", steady[:5])], 0.5)


@pytest.mark.parametrize(
    ("done", "seconds", "failed", "margin", "reason"),
    [
        (1, 5.0, False, 0.02, None),
        (1, 11.0, False, 0.02, "seconds"),
        (30, 5.0, False, 0.02, "rounds"),
        (1, 5.0, True, 0.02, "failures"),
        (20, 5.0, False, 0.02, "margin"),
        # No look, and no margin.
        (21, 5.0, False, 0.02, None),
        (20, 5.0, False, 0.0, None),
    ],
)
def test_why_no_other_round_begins(done: int, seconds: float, failed: bool, margin: float, reason: str | None) -> None:
    record = engine("a", [10.0] * done)
    record.error = "a: its process ended" if failed else None
    plan = Plan((record.spec,), Workload((), 1, 2), rounds=30, max_seconds=10.0, margin=margin)
    assert why_end(done, seconds, [record], plan) == reason


def ends_of_the_first_narrow(baseline: list[float], other: list[float]) -> tuple[float, float]:
    low = high = math.nan
    for look in LOOKS:
        ratio = paired_ratio(baseline[:look], other[:look], LOOK_CONFIDENCE)
        assert ratio.low is not None
        assert ratio.high is not None
        low, high = ratio.low, ratio.high
        if (high - low) / 2 <= 0.02 * ratio.value:
            break
    return low, high


@pytest.mark.parametrize("noise", [0.02, 0.04, 0.06])
def test_intervals_of_a_bench_that_a_look_ended_hold_95_percent(noise: float) -> None:
    """The whole rule, on ratios of rounds with a known median: some end at the first look, some at the last."""
    generator = np.random.default_rng(int(noise * 100))
    trials, held = 1500, 0
    for _ in range(trials):
        baseline, other = (generator.lognormal(math.log(ms), noise, LOOKS[-1]).tolist() for ms in (3.0, 1.0))
        low, high = ends_of_the_first_narrow(baseline, other)
        held += low <= 3.0 <= high
    assert 0.93 <= held / trials <= 0.97
