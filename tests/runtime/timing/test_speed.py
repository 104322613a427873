"""Two files timed in turns, in real processes, and when that ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from tlx.errors import DeviceError, ModelFileError
from tlx.runtime.processors import usable_processors
from tlx.runtime.timing.latency import calls_within, measure_latency
from tlx.runtime.timing.model_setup import Place
from tlx.runtime.timing.process import EDGE_WORKER
from tlx.runtime.timing.speed import (
    FEWEST_ROUNDS,
    LOOKS,
    SpeedPlan,
    calls_in_turn,
    is_decided,
    may_end,
    measure_speed,
    speed_ratio,
)
from tlx.runtime.timing.statistics import Estimate, interval_ranks

CPU = Place("cpu")


def workers() -> list[psutil.Process]:
    """Those of this process; a browser of other tests may be there, too."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if EDGE_WORKER in child.cmdline()]


def test_measure_speed_ends_at_the_first_look_when_the_answer_is_clear(busy_model: Path, tiny_model: Path) -> None:
    seen: list[tuple[int, int]] = []

    def listen(stage: str, done: int, total: int, note: str = "") -> None:
        del stage, note
        seen.append((done, total))

    rounds = measure_speed(busy_model, tiny_model, SpeedPlan(CPU), progress=listen)
    assert len(rounds.reference_ms) == len(rounds.candidate_ms) == LOOKS[0]
    assert np.median(rounds.reference_ms) > 2 * np.median(rounds.candidate_ms) > 0
    assert (rounds.device, rounds.threads) == ("cpu", usable_processors())
    ratio = speed_ratio(rounds.reference_ms, rounds.candidate_ms)
    assert ratio.low is not None
    assert ratio.low > 2
    assert seen[0] == (0, LOOKS[-1])
    assert seen[-1] == (LOOKS[0], LOOKS[0])
    assert workers() == []


def test_measure_speed_takes_its_fewest_rounds_when_there_is_no_time(tiny_model: Path) -> None:
    rounds = measure_speed(tiny_model, tiny_model, SpeedPlan(Place("cpu", 1), minimum_ratio=1.0, time_limit_s=0))
    assert len(rounds.reference_ms) == FEWEST_ROUNDS
    assert rounds.threads == 1


def test_measure_speed_leaves_no_process_behind_when_it_can_not_go_on(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelFileError, match=r"gone\.onnx"):
        measure_speed(tiny_model, tmp_path / "gone.onnx", SpeedPlan(CPU))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(DeviceError, match="gpu"):
        measure_speed(tiny_model, tiny_model, SpeedPlan(Place("gpu")))
    assert workers() == []


@pytest.mark.parametrize(
    ("rounds", "decided", "seconds_left", "ends"),
    [
        (0, True, -1.0, False),
        (FEWEST_ROUNDS - 1, True, -1.0, False),
        (FEWEST_ROUNDS, False, -1.0, True),
        (FEWEST_ROUNDS, True, 9.0, False),  # clear, but this is no planned look
        (14, True, 9.0, True),
        (14, False, 9.0, False),
        (15, True, 9.0, False),
        (28, True, 9.0, True),
        (28, False, 9.0, False),
        (56, False, 9.0, True),
    ],
)
def test_may_end(rounds: int, decided: bool, seconds_left: float, ends: bool) -> None:
    assert may_end(rounds, decided=lambda: decided, seconds_left=seconds_left) is ends


@pytest.mark.parametrize(
    ("low", "high", "decided"),
    [(1.1, 1.3, True), (1.09, 1.3, False), (0.9, 1.09, True), (0.9, 1.1, False)],
)
def test_is_decided_when_the_interval_lies_on_one_side(low: float, high: float, decided: bool) -> None:
    assert is_decided(Estimate((low + high) / 2, low, high), 1.1) is decided


def test_the_looks_together_hold_95_percent_and_each_leaves_out_two_rounds_of_a_side() -> None:
    for look in LOOKS:
        low, high = interval_ranks(look, 0.5, 1 - 0.05 / len(LOOKS)) or (0, 0)
        assert low >= 3
        assert high <= look - 2
    ratios = [float(number) for number in range(1, 15)]
    ratio = speed_ratio(ratios, [1.0] * 14)
    assert (ratio.low, ratio.high) == (3, 12)


@pytest.mark.parametrize(("call_ms", "calls"), [(0.0, 6), (1.0, 6), (100.0, 5), (215.0, 2), (4000.0, 2)])
def test_slow_files_are_called_less_often_in_a_turn(call_ms: float, calls: int) -> None:
    assert calls_in_turn(call_ms) == calls


def test_measure_latency_says_how_long_and_where(tiny_model: Path) -> None:
    latency = measure_latency(tiny_model, Place("cpu", 1))
    assert (latency.calls, latency.provider, latency.threads) == (100, "cpu", 1)
    assert latency.p50_ms.low is not None
    assert 0 < latency.p50_ms.low <= latency.p50_ms.value
    assert workers() == []


@pytest.mark.parametrize(("call_ms", "calls"), [(0.0, 100), (10.0, 100), (100.0, 20), (5000.0, 6)])
def test_calls_within_two_seconds(call_ms: float, calls: int) -> None:
    assert calls_within(call_ms) == calls
