"""Real LoadGen tests over real ONNX Runtime sessions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlx.bench.loadgen.loadgen import LoadgenOptions, ScenarioResult, check_scenarios, likely_qps, run_loadgen
from tlx.bench.loadgen.logs import read_answers, read_result
from tlx.bench.loadgen.messages import SCENARIOS, LoadgenTest, Scenario
from tlx.bench.loadgen.running import run_test
from tlx.bench.loadgen.table import format_table
from tlx.errors import EngineError, InputError, OutputError
from tlx.runtime.timing.backends import Backend, Images, Probabilities

pytest.importorskip("mlperf_loadgen", reason="MLPerf LoadGen isn't installed (extra loadgen)")

TLX = (sys.executable, "-c", "from tlx.cli.app import main; main()")
PICTURES = [np.full((2, 2, 3), number, np.uint8) for number in range(5)]


def brightness(images: Images) -> Probabilities:
    """An engine whose answer tells the picture."""
    return images.reshape(len(images), -1)[:, :2].astype(np.float32)


@pytest.fixture(scope="module")
def finished(
    tiny_model: Path, colour_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[Scenario, ScenarioResult]:
    logs = tmp_path_factory.mktemp("logs")
    options = LoadgenOptions(tiny_model, logs, photos=colour_photos, limit=9, seconds=0.2, max_batch=4, threads=1)
    report = run_loadgen(options, command="tlx loadgen", progress=lambda *_: None)
    return {one.scenario: one for one in report.scenarios}


def test_every_scenario_leaves_loadgens_own_logs(finished: dict[Scenario, ScenarioResult]) -> None:
    assert tuple(finished) == SCENARIOS
    for scenario, one in finished.items():
        summary = (one.logs / "mlperf_log_summary.txt").read_text()
        assert f"Scenario : {scenario}" in summary
        assert ("Result is : VALID" in summary) is one.result.valid


def test_figures_are_those_of_loadgens_summary(finished: dict[Scenario, ScenarioResult]) -> None:
    one = finished["SingleStream"]
    summary = (one.logs / "mlperf_log_summary.txt").read_text()
    line = next(line for line in summary.splitlines() if line.startswith("90.0th percentile latency (ns)"))
    assert one.result.percentiles_ms["p90"] == int(line.partition(":")[2]) / 1e6
    assert one.result.min_ms <= one.result.percentiles_ms["p50"] <= one.result.max_ms
    assert one.result.queries >= 64
    assert one.result.settings["min_duration_ms"] == 200


def test_each_scenario_asks_in_its_own_way(finished: dict[Scenario, ScenarioResult]) -> None:
    assert finished["SingleStream"].result.samples_per_query == 1
    assert finished["MultiStream"].result.samples_per_query == 8
    assert finished["Offline"].result.queries == 1
    assert finished["Offline"].result.samples_per_s is not None
    assert finished["Server"].result.overlatency is not None


def test_answers_that_loadgen_logged_are_the_models(finished: dict[Scenario, ScenarioResult]) -> None:
    for one in finished.values():
        assert (one.agreement.agrees, one.agreement.photos) == (True, 9)


def test_the_table_has_a_line_for_each_scenario(finished: dict[Scenario, ScenarioResult]) -> None:
    lines = format_table(list(finished.values()))
    assert [line.split()[0] for line in lines[1:5]] == list(SCENARIOS)
    assert all("9/9" in line for line in lines[1:5])
    # One query has no percentiles.
    assert next(line.split()[1:4] for line in lines if line.startswith("Offline ")) == ["n/a"] * 3


def test_a_wrong_answer_is_marked_in_the_table(finished: dict[Scenario, ScenarioResult]) -> None:
    one = finished["Server"]
    wrong = replace(one, agreement=replace(one.agreement, labels_equal=7, agrees=False))
    assert "7/9 !" in format_table([wrong])[1]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("max_batch", [1, 3])
def test_each_answer_belongs_to_its_photo(scenario: Scenario, max_batch: int, tmp_path: Path) -> None:
    test = LoadgenTest(scenario, "AccuracyOnly", str(tmp_path), max_batch=max_batch, target_qps=1000.0)
    run_test(Backend(brightness, "cpu"), PICTURES, test)
    expected = [[number, number] for number in range(5)]
    np.testing.assert_array_equal(read_answers(tmp_path, 5, 2), expected)


@pytest.mark.parametrize("scenario", ["SingleStream", "Server"])
def test_an_engine_that_fails_ends_the_test_with_its_error(scenario: Scenario, tmp_path: Path) -> None:
    def fail(_: Images) -> Probabilities:
        raise ValueError("out of memory")

    test = LoadgenTest(scenario, "PerformanceOnly", str(tmp_path), min_seconds=0.05, target_qps=100.0)
    with pytest.raises(EngineError, match=f"LoadGen {scenario}: the engine failed .out of memory"):
        run_test(Backend(fail, "cpu"), PICTURES, test)


def test_a_server_that_is_too_slow_is_invalid_and_says_why(tmp_path: Path) -> None:
    def slow(images: Images) -> Probabilities:
        time.sleep(0.01)
        return brightness(images)

    test = LoadgenTest(
        "Server", "PerformanceOnly", str(tmp_path), min_seconds=0.3, target_qps=300.0, target_latency_ms=5.0
    )
    run_test(Backend(slow, "cpu"), PICTURES, test)
    result = read_result(tmp_path)
    assert result.valid is False
    assert result.reasons[0] == "latencies beyond the target"
    assert result.overlatency is not None
    assert result.overlatency > 0.5 * result.queries


def test_a_log_that_is_missing_or_ends_early_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not a log of LoadGen"):
        read_result(tmp_path)
    start = {"key": "loadgen_version", "value": "6", "metadata": {}}
    (tmp_path / "mlperf_log_detail.txt").write_text(f":::MLLOG {json.dumps(start)}\n")
    with pytest.raises(EngineError, match="test didn't end"):
        read_result(tmp_path)
    (tmp_path / "mlperf_log_accuracy.json").write_text('[{"qsl_idx": 9, "data": "00000000"}]')
    with pytest.raises(EngineError, match="not a log of LoadGen's answers"):
        read_answers(tmp_path, 1, 1)


def test_a_photo_without_an_answer_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "mlperf_log_accuracy.json").write_text('[{"qsl_idx": 1, "data": "0000803f"}]')
    np.testing.assert_array_equal(read_answers(tmp_path, 2, 1), [[np.nan], [1.0]])


def test_offline_lasts_long_enough_whatever_the_servers_pace_and_the_batch(tiny_model: Path, tmp_path: Path) -> None:
    # Batches are many times as fast as the single photos from which the first guess is made.
    options = LoadgenOptions(
        tiny_model, tmp_path, ("Offline",), limit=9, seconds=0.5, max_batch=8, target_qps=1.0, device="cpu"
    )
    (one,) = run_loadgen(options, command="tlx loadgen").scenarios
    assert (one.result.valid, one.result.reasons) == (True, ())


def test_names_of_scenarios_may_have_any_case() -> None:
    assert check_scenarios(["singlestream", "OFFLINE"]) == ("SingleStream", "Offline")
    with pytest.raises(InputError, match="no scenario Batch: choose from SingleStream"):
        check_scenarios(["Batch"])


def test_a_server_gets_less_than_it_could_do_and_offline_more() -> None:
    assert likely_qps("Server", 10.0) < 100.0 < likely_qps("Offline", 10.0)


def test_loadgen_command_prints_json_and_keeps_the_logs(tiny_model: Path, tmp_path: Path) -> None:
    options = ("--scenario", "singlestream", "--seconds", "0.1", "--limit", "3", "--logs", tmp_path, "--format", "json")
    command = [*TLX, "loadgen", tiny_model, *options, "--quiet", "--device", "cpu"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [one["scenario"] for one in document["scenarios"]] == ["SingleStream"]
    assert document["photos"] == {"count": 3, "synthetic": True}
    assert (tmp_path / "SingleStream" / "mlperf_log_detail.txt").is_file()
    assert json.loads((tmp_path / "result.json").read_text()) == document


def test_logs_that_have_no_place_are_told_before_anything_runs(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        run_loadgen(LoadgenOptions(tiny_model, tmp_path / "file" / "logs"), command="tlx loadgen")
    (tmp_path / "logs" / "result.json").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"result\.json"):
        run_loadgen(LoadgenOptions(tiny_model, tmp_path / "logs"), command="tlx loadgen")


def test_without_loadgen_one_line_says_what_to_install(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['mlperf_loadgen'] = None\n")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    command = [*TLX, "loadgen", str(tiny_model), "--logs", str(tmp_path / "logs"), "--limit", "1", "--quiet"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 2
    assert "pip install 'tlx-edge[loadgen]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
