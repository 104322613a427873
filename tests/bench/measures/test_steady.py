"""Runs without a pause, and what is made of them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.test_energy import ABSENT, write_zone

from tlx.bench.measures.energy import Energy, judge_energy, missing_counter
from tlx.bench.measures.messages import RunSteadily, SteadyRun
from tlx.bench.measures.steady import Sustained, judge_sustained, run_steadily
from tlx.runtime.energy import EnergyMeter
from tlx.runtime.timing.backends import Images

BATCH = np.zeros((3, 2, 2, 3), np.uint8)


def test_photos_are_counted_in_the_windows_where_their_calls_end(tmp_path: Path) -> None:
    calls = 0

    def infer(batch: Images) -> None:
        nonlocal calls
        assert batch is BATCH
        calls += 1
        # The third call is longer than a window.
        time.sleep(0.25 if calls == 3 else 0.02)

    run = run_steadily(infer, [BATCH], RunSteadily(0.5, 0.1), EnergyMeter(tmp_path, ABSENT))
    assert sum(run.photos) == 3 * calls
    assert run.elapsed_s >= 0.5
    assert len(run.photos) == int(run.elapsed_s / 0.1) + 1
    assert 0 in run.photos
    assert run.joules == {}


def test_joules_are_those_of_the_calls(tmp_path: Path) -> None:
    counter = write_zone(tmp_path, "intel-rapl:0", "package-0", 0, limit=4_000_000)
    meter = EnergyMeter(tmp_path, ABSENT)
    counter.write_text("1000000")  # before the run
    joules = 0.0

    def infer(batch: Images) -> None:
        nonlocal joules
        del batch
        joules += 0.3
        # A counter that starts again at zero every 4 J: only a meter that is read now and then keeps up.
        counter.write_text(str(int((1 + joules) * 1e6) % 4_000_000))
        time.sleep(0.01)

    run = run_steadily(infer, [BATCH], RunSteadily(0.5, 0.02), meter)
    assert run.joules == {"cpu": pytest.approx(joules, abs=1e-3)}
    energy = judge_energy([run], on_gpu=False)
    assert energy is not None
    assert energy.joules_per_photo == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("photos", "elapsed_s", "expected"),
    [
        ([10, 10, 5, 5], 4.0, Sustained(10.0, 5.0, 4.0)),
        ([10, 10, 5, 6], 3.5, Sustained(10.0, 11 / 1.5, 3.5)),
        ([10, 10], 2.0, None),  # nothing after the first part
    ],
)
def test_the_first_minute_is_apart_from_the_rest(
    photos: list[int], elapsed_s: float, expected: Sustained | None
) -> None:
    assert judge_sustained(SteadyRun(photos, elapsed_s, {}), 1.0, 2.0) == expected


def run_of(photos: int, **joules: float) -> SteadyRun:
    return SteadyRun([photos], 1.0, joules)


@pytest.mark.parametrize(
    ("runs", "on_gpu", "expected"),
    [
        ([run_of(10, cpu=5.0), run_of(30, cpu=5.0)], False, Energy(0.25, "rapl")),
        ([run_of(10, cpu=5.0, gpu=5.0)], False, Energy(0.5, "rapl")),  # a GPU that only waits
        ([run_of(10, gpu=5.0)], False, None),
        ([run_of(10, cpu=5.0, gpu=15.0)], True, Energy(2.0, "rapl+nvml")),
        ([run_of(10, gpu=15.0)], True, Energy(1.5, "nvml")),
        ([run_of(10, cpu=15.0)], True, None),
        ([run_of(10, cpu=5.0), run_of(10)], False, None),  # lost on the way
        ([], False, None),
    ],
)
def test_energy_counts_what_the_engine_runs_on(runs: list[SteadyRun], on_gpu: bool, expected: Energy | None) -> None:
    assert judge_energy(runs, on_gpu=on_gpu) == expected


def test_a_missing_counter_is_named() -> None:
    assert "RAPL" in missing_counter(on_gpu=False)
    assert "NVML" in missing_counter(on_gpu=True)
