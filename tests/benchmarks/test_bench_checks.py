"""The scripts that check the bench itself: their verdicts, and that they run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bench_repeatability
import loadgen_agreement
from bench_overhead import estimate, is_within

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, *words: object) -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def engines(*ratios: float) -> list[dict[str, Any]]:
    names = ("keras.predict", "onnxruntime.cpu.fp32")
    rows = [{"name": name, "batch": 1, "threads": 2} for name in names]
    return [row | {"ratio_to_baseline": ratio} for row, ratio in zip(rows, ratios, strict=True)]


@pytest.mark.parametrize(
    ("second", "apart", "met"),
    [((2.0, 2.0), 0.0, True), ((2.0, 2.09), 0.045, True), ((2.0, 2.2), 0.1, False), ((2.2, 2.0), 0.1, False)],
)
def test_ratios_of_runs_may_be_five_percent_apart(second: tuple[float, float], apart: float, met: bool) -> None:
    result = bench_repeatability.compare([engines(1.0, ratio) for ratio in second])
    assert result["largest_apart"] == pytest.approx(apart)
    assert result["aim_met"] is met


@pytest.mark.parametrize(("share", "left_out"), [(0.15, True), (0.02, False), (None, False)])
def test_a_bench_beside_other_work_is_known(share: float | None, left_out: bool) -> None:
    assert bench_repeatability.worked_beside({"interference": {"other_load_share": share}}) is left_out
    assert not bench_repeatability.worked_beside({"interference": None})


@pytest.mark.parametrize(("loadgen_ms", "met"), [(10.4, True), (10.6, False), (9.6, True), (9.4, False)])
def test_percentiles_may_be_five_percent_apart(loadgen_ms: float, met: bool) -> None:
    one = {"loadgen_p50_ms": 9.0, "bench_p50_ms": 9.0, "loadgen_p90_ms": loadgen_ms, "bench_p90_ms": 10.0}
    result = loadgen_agreement.judge([one] * 8, [[10.0] * 64] * 8)
    assert result["loadgen_over_bench_p90"]["median"] == pytest.approx(loadgen_ms / 10)
    assert result["aim_met"] is met


@pytest.mark.parametrize(("last_ms", "turns", "met"), [(10.0, 8, True), (11.5, 8, False), (10.0, 1, False)])
def test_the_whole_interval_must_lie_within_five_percent(last_ms: float, turns: int, met: bool) -> None:
    def one(loadgen_ms: float) -> dict[str, float]:
        return {"loadgen_p50_ms": 9.0, "bench_p50_ms": 9.0, "loadgen_p90_ms": loadgen_ms, "bench_p90_ms": 10.0}

    rounds = ([one(10.0)] * 6 + [one(last_ms)] * 2)[:turns]
    result = loadgen_agreement.judge(rounds, [[10.0] * 64] * turns)
    assert result["loadgen_over_bench_p90"]["median"] == pytest.approx(1.0)
    assert result["aim_met"] is met


def test_overhead_is_judged_by_the_upper_end_of_its_interval() -> None:
    assert is_within(estimate([1.0] * 8), 5.0)
    assert not is_within(estimate([1.0] * 6 + [9.0] * 4), 5.0)
    assert not is_within(estimate([1.0] * 5), 5.0)  # too few for an interval


def test_bench_overhead_times_calls_in_both_ways(busy_model: Path) -> None:
    result = run("bench_overhead", busy_model, "--rounds", 6, "--calls", 4, "--threads", 1)
    assert len(result["timed_us"]) == len(result["bare_us"]) == 6
    # A call of nothing takes a look at the clock: far less than a convolution.
    assert 0 < result["empty_call_us"]["median"] < min(result["bare_us"])
    assert len(result["nothing"]["timed_us"]) == len(result["nothing"]["bare_us"]) == 6
    assert max(result["nothing"]["bare_us"]) < min(result["bare_us"])


def test_loadgen_agreement_asks_both_for_as_many_calls(busy_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlperf_loadgen", reason="MLPerf LoadGen isn't installed (extra loadgen)")
    words = ("--rounds", 3, "--calls", 8, "--limit", 3, "--threads", 1, "--logs", tmp_path)
    result = run("loadgen_agreement", busy_model, *words)
    assert [one["queries"] for one in result["rounds"]] == [8, 8, 8]
    assert (tmp_path / "round-002" / "mlperf_log_summary.txt").is_file()


def test_bench_repeatability_runs_the_command_and_keeps_its_words(tiny_model: Path) -> None:
    result = run("bench_repeatability", "--runs", 2, tiny_model, "--limit", 2, "--rounds", 2, "--device", "cpu")
    assert result["runs"] == len(result["each_run"]) == 2
    assert all(one["other_load_share"] > 0.05 for one in result["left_out"])
    (row,) = result["engines"]
    assert re.fullmatch(r"onnxruntime\.cpu\.fp32 \(batch 1, \d+ threads?\)", row)
    assert result["aim_met"] is True  # the baseline beside itself
