"""All benchmarks as one: their table, and what of a result is kept."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import all as everything
from suite.engines import engine_lines, judged_by_older, more_lines
from suite.figures import figures_of, kind_of
from suite.machine import gpu_of, machine_folder, machine_title
from suite.material import Material, gather
from suite.page import read_results, write_page
from suite.tasks import Task, all_tasks
from tlx.core.runs import Run
from tlx.errors import InputError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"
EPYC = {"processor": "AMD EPYC", "processor_flags": ["avx2", "avx512_bf16"], "host_cores": 2}


def engine(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "batch": 1, "threads": 2, "p50_ms": 10.0, "p90_ms": None, "error": None, **fields}


def bench(*engines: dict[str, Any], environment: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"engines": list(engines), "method": {}, "baseline": "a", "environment": environment or EPYC}


def material(folder: Path, *, quick: bool) -> Material:
    (folder / "photos" / "validation").mkdir(parents=True)
    (folder / "photos" / "validation" / "one.jpg").touch()
    models = folder / "models"
    return Material(folder / "photos", folder / "run", models, models, folder / "clip.avi", quick)


def test_the_committed_table_is_the_one_that_the_files_beside_it_give() -> None:
    assert (RESULTS / "README.md").read_text() == write_page(RESULTS), "run: python benchmarks/all.py --table"


def test_every_committed_result_has_a_line_in_the_table() -> None:
    found = read_results(RESULTS)
    assert len(found) >= len(list(RESULTS.glob("*.json")))
    for one in found:
        assert figures_of(one.result) or engine_lines(one.result), one.path


def test_no_committed_result_names_a_place_of_the_machine() -> None:
    for path in RESULTS.rglob("*"):
        if path.suffix in {".json", ".txt", ".md"}:
            assert not re.search(r"/(tmp|root|home|work)/", path.read_text()), path


def test_a_missed_aim_and_a_wrong_engine_stand_out(tmp_path: Path) -> None:
    slow = {"benchmark": "extraction", "photos": 9, "ratio": 1.3, "bare_ms_per_photo_by_batch": {"8": 4.0}}
    slow |= {"ratio_by_part": {"min": 1.2, "max": 1.4}, "environment": EPYC}
    (tmp_path / "extraction.json").write_text(json.dumps(slow))
    agreement = {"photos": 9, "labels_equal": 4, "max_abs_difference": 0.5, "agrees": False}
    (tmp_path / "bench.json").write_text(json.dumps(bench(engine("a"), engine("b", agreement=agreement))))
    page = write_page(tmp_path)
    assert "| 1.300 (1.200 to 1.400) | 1.15 | **no** |" in page
    assert "| b (2 threads) | 10 | - | - | 4/9 **differs** | 5.0e-01 |" in page


def test_engines_are_sorted_by_time_and_failed_ones_keep_their_reason() -> None:
    missing = {"missing": [{"peer": "ncnn", "error": "no package"}]}
    rows = [engine("slow", p50_ms=20.0), engine("dead", p50_ms=None, error="it ended"), engine("fast")]
    lines = engine_lines(bench(*rows) | missing)
    assert [(line[0], line[1], line[-1]) for line in lines] == [
        ("fast (2 threads)", "10", ""),
        ("slow (2 threads)", "20", ""),
        ("dead", "failed", "it ended"),
        ("ncnn", "not there", "no package"),
    ]


def test_wrong_engines_come_after_the_right_ones_and_are_not_faster() -> None:
    agreement = {"photos": 9, "labels_equal": 4, "max_abs_difference": 0.5, "agrees": False}
    ratio = {"ratio_to_baseline": 9.0, "ratio_ci95": (8.0, 10.0)}
    rows = [
        engine("quick", p50_ms=1.0, status="wrong", agreement=agreement, **ratio),
        engine("other", p50_ms=2.0, agreement={**agreement, "same_network": False}, **ratio),
        engine("slow", p50_ms=30.0),
        engine("dead", p50_ms=None, error="it ended"),
    ]
    lines = engine_lines(bench(*rows))
    assert [line[0].partition(" ")[0] for line in lines] == ["other", "slow", "quick", "dead"]
    assert lines[0][3:5] == ("9 (8 to 10)", "4/9 (another network)")
    assert lines[2][3:5] == ("-", "4/9 **WRONG**")


def test_what_else_was_measured_has_a_table_of_its_own(tmp_path: Path) -> None:
    measured = {
        "model_bytes": 59_400_000,
        "throughput_photos_per_s": 14.96,
        "stages": {"total": {"p50_ms": 68.1, "ci95_ms": None}},
        "cold_start": {"p50_s": 0.684},
        "memory": {"peak_rss_mb": 130.4},
    }
    result = bench(engine("slow", batch=8, **measured), engine("dead", p50_ms=None, error="it ended"))
    assert more_lines(result) == [("slow (batch 8, 2 threads)", "59.4", "15", "68.1", "0.68", "130")]
    assert more_lines(bench(engine("a"))) == []
    wrong = engine("a", status="wrong", memory={"peak_rss_mb": None, "gpu_mb": None})
    assert more_lines(bench(wrong)) == [("a (2 threads) **WRONG**", *"-----")]
    (tmp_path / "bench.json").write_text(json.dumps(result))
    assert "| slow (batch 8, 2 threads) | 59.4 | 15 | 68.1 | 0.68 | 130 |" in write_page(tmp_path)


def test_other_networks_that_an_earlier_tlx_called_wrong_are_explained() -> None:
    agreement = {"photos": 9, "labels_equal": 4, "max_abs_difference": 0.5, "agrees": False}
    result = bench(engine("a", status="wrong", agreement=agreement)) | {"benchmark": "compression"}
    assert judged_by_older(result)
    newer = bench(engine("a", agreement={**agreement, "same_network": False})) | {"benchmark": "compression"}
    assert not judged_by_older(newer)
    assert not judged_by_older(bench(engine("a")))


def test_one_round_is_told_as_one() -> None:
    spread = {"median": 1.019, "low": 1.019, "high": 1.019}
    result = {"benchmark": "overhead", "bound": 1.05, "loop_over_work": spread, "pictures": 150, "model": "model.onnx"}
    result |= {"command_over_work": spread, "plain_script_over_loop": {**spread, "high": 1.1}}
    found = [figure.found for figure in figures_of(result)]
    assert found == ["1.019 (one round)", "1.019 (one round)", "1.019 (1.019 to 1.100)"]


def test_what_disturbed_a_bench_stands_under_its_table(tmp_path: Path) -> None:
    disturbed = bench(engine("a")) | {"interference": {"warnings": ["other processes used 11% of the time"]}}
    (tmp_path / "bench.json").write_text(json.dumps(disturbed))
    page = write_page(tmp_path)
    assert page.index("| a (2 threads) |") < page.index("Caution: other processes used 11% of the time.")


def test_machines_are_apart_and_gpus_apart_from_them_and_marked(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps(bench(engine("a"))))
    other = {**EPYC, "processor": "Other"}
    (tmp_path / "second.json").write_text(json.dumps(bench(engine("a"), environment=other)))
    page = write_page(tmp_path)
    assert page.index("## AMD EPYC") < page.index("## Other") < page.index("## GPUs\n")
    (tmp_path / "gpu.json").write_text(json.dumps(bench(engine("a", provider="cuda"))))
    assert "## GPU: cuda\n\nBeside it AMD EPYC; 2 cores" in write_page(tmp_path)
    assert "No result here is of a GPU" not in write_page(tmp_path)


def test_a_gpu_has_a_section_of_its_own_with_what_was_measured_on_it(tmp_path: Path) -> None:
    versions = {"onnxruntime-gpu": "1.31.1"}
    h200 = {**EPYC, "gpus": ["NVIDIA H200"], "gpu_driver": "580.1", "versions": versions}
    measured = {
        "transfers": {"with_ms": 1.5542, "without_ms": 1.4971, "unverified": False},
        "stages": {"total": {"p50_ms": 3.8895}},
        "memory": {"gpu_mb": 845.2},
        "energy": {"joules_per_photo": 0.4499, "counter": "nvml"},
        "cold_start": {"p50_s": 1.7512},
    }
    rows = (engine("a"), engine("b", provider="cuda", **measured))
    (tmp_path / "bench.json").write_text(json.dumps(bench(*rows, environment=h200)))
    # The same machine's figures of its processor stay apart.
    (tmp_path / "processor.json").write_text(json.dumps(bench(engine("c"), environment=h200)))
    processors, gpus = write_page(tmp_path).split("## GPU: NVIDIA H200\n")
    assert "| c (2 threads) |" in processors
    assert "| b (2 threads) |" not in processors
    assert "Beside it AMD EPYC; 2 cores; avx2, avx512_bf16; driver 580.1; onnxruntime-gpu 1.31.1." in gpus
    told = [
        "b: with transfers, and without | 1.554 ms, 1.497 ms",
        "b: from a file's bytes to a label | 3.89 ms",
        "b: memory on the GPU | 845 MB",
        "b: energy of a photo (nvml) | 0.45 J",
        "b: from the start of a process to its first label | 1.75 s",
    ]
    assert [line for line in told if f"| {line} |" not in gpus] == []


def test_figures_of_engines_that_nobody_has_seen_on_a_gpu_are_marked() -> None:
    transfers = {"with_ms": 2.0, "without_ms": 1.0, "unverified": True}
    (figure,) = figures_of(bench(engine("keras.call", provider="cuda", transfers=transfers)))
    assert figure.what == "keras.call: with transfers, and without (unverified)"


def test_logs_of_loadgen_are_no_results(tmp_path: Path) -> None:
    logs = tmp_path / "machine" / "loadgen" / "Server"
    logs.mkdir(parents=True)
    (logs / "mlperf_log_trace.json").write_text("")
    assert read_results(tmp_path) == []


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({"benchmark": "soak"}, "soak"),
        (bench(), "bench"),
        ({"scenarios": []}, "loadgen"),
        ({"anything": 1}, None),
    ],
)
def test_kind_of(result: dict[str, Any], kind: str | None) -> None:
    assert kind_of(result) == kind


def test_a_machine_has_the_same_folder_whatever_its_system_says() -> None:
    assert machine_folder({**EPYC, "platform": "Linux-1"}) == machine_folder({**EPYC, "platform": "Linux-2"})
    assert machine_folder(EPYC) == "amd-epyc-2-cores-avx512-bf16"
    assert machine_title({**EPYC, "memory_bytes": 24 * 2**30}) == "AMD EPYC; 2 cores; avx2, avx512_bf16; 24 GiB"
    assert gpu_of({"engines": {"a": {}}, "environment": EPYC}) is None
    assert gpu_of({"provider": "cpu", "environment": {**EPYC, "gpus": ["NVIDIA H200"]}}) is None


def test_results_of_a_machine_stand_together_though_not_each_knows_its_memory(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    for name, environment in (("a", EPYC), ("b", {**EPYC, "memory_bytes": 24 * 2**30})):
        (tmp_path / "machine" / f"{name}.json").write_text(json.dumps(bench() | {"environment": environment}))
    titles = [line for line in write_page(tmp_path).splitlines() if line.startswith("## ")]
    assert titles == ["## AMD EPYC; 2 cores; avx2, avx512_bf16; 24 GiB", *titles[1:]]
    assert not any("EPYC" in title for title in titles[1:])


def test_results_name_files_by_what_they_are(tmp_path: Path) -> None:
    names = {"/tmp/x": "here", "/tmp/x/models": "models"}  # noqa: S108 - no file of that name is made
    result = {"command": ["tlx bench /tmp/x/models/fp32.onnx"], "logs": "/tmp/x/logs", "n": 3}  # noqa: S108
    everything.keep(result, tmp_path / "one.json", names)
    kept = json.loads((tmp_path / "one.json").read_text())
    assert (kept["command"], kept["logs"], kept["n"]) == (["tlx bench models/fp32.onnx"], "here/logs", 3)
    assert kept["environment"]["processor"]


def test_a_command_goes_without_files_that_a_gate_refused(tmp_path: Path) -> None:
    int8 = tmp_path / "int8.onnx"
    task = Task("bench", ("tlx", str(int8), "{output}"), optional=(int8,))
    assert task.words(tmp_path / "out", tmp_path) == ["tlx", str(tmp_path / "out")]
    int8.touch()
    assert str(int8) in task.words(tmp_path / "out", tmp_path)


def test_who_asks_for_a_bench_alone_gets_the_export_that_it_needs(tmp_path: Path) -> None:
    tasks = all_tasks(material(tmp_path, quick=False))
    assert [task.name for task in everything.chosen(tasks, ["bench"])] == ["export", "bench"]
    assert [task.name for task in everything.chosen(tasks, ["extraction"])] == ["extraction"]
    with pytest.raises(SystemExit, match="no benchmark speed"):
        everything.chosen(tasks, ["speed"])


def test_a_compressed_run_that_is_there_is_not_made_anew(tmp_path: Path) -> None:
    real = material(tmp_path, quick=False)
    made = replace(real, compressed=tmp_path / "runs" / "smaller")
    words = {task.name: task.command for task in all_tasks(made)}["compression"]
    assert words[words.index("--compressed") + 1] == str(made.compressed)
    assert made.names()[str(made.compressed)] == "runs/smaller"
    assert "--compressed" not in {task.name: task.command for task in all_tasks(real)}["compression"]


def test_model_files_that_are_given_are_left_alone(tmp_path: Path) -> None:
    given = replace(material(tmp_path, quick=False), exported=tmp_path / "work")
    words = {task.name: task.command for task in all_tasks(given)}["export"]
    assert words[words.index("--folder") + 1] == str(tmp_path / "work")


def test_a_folder_without_the_exact_model_is_refused(tiny_run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--models .*: has no fp32\.onnx"):
        gather(tmp_path, str(tiny_run.folder), tmp_path, models=tmp_path)


def test_a_failed_benchmark_leaves_its_old_result(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("old")
    task = Task("one", ("false",))
    assert everything.run_one(task, tmp_path, material(tmp_path, quick=True)) == "ended with 1"
    assert (tmp_path / "one.json").read_text() == "old"


def python(code: str) -> Task:
    return Task("one", (sys.executable, "-c", code))


def test_a_bench_of_which_an_engine_failed_is_a_result_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {"engines": [{"name": "a", "error": None}, {"name": "b", "error": "b: it ended"}]}
    task = python(f"print({json.dumps(json.dumps(document))}); raise SystemExit(2)")
    assert everything.run_one(task, tmp_path, material(tmp_path, quick=True)) is None
    assert json.loads((tmp_path / "one.json").read_text())["engines"] == document["engines"]
    assert "one: failed or wrong in it: b" in capsys.readouterr().err


def test_a_bench_of_which_an_engine_is_wrong_is_a_result_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {"engines": [{"name": "a", "status": "ok"}, {"name": "b", "status": "wrong"}]}
    task = python(f"print({json.dumps(json.dumps(document))}); raise SystemExit(1)")
    assert everything.run_one(task, tmp_path, material(tmp_path, quick=True)) is None
    assert "one: failed or wrong in it: b" in capsys.readouterr().err
    right = python(f"print({json.dumps(json.dumps(bench()))}); raise SystemExit(1)")
    assert everything.run_one(right, tmp_path, material(tmp_path / "again", quick=True)) == "ended with 1"


def test_a_command_names_neither_the_temporary_file_nor_where_the_benchmarks_lie(tmp_path: Path) -> None:
    code = "import json, sys; json.dump({'command': ' '.join(sys.argv[1:])}, open(sys.argv[-1], 'w'))"
    script = str(BENCHMARKS / "compare_peers.py")
    task = Task("one", (sys.executable, "-c", code, script, "--output", "{output}"))
    assert everything.run_one(task, tmp_path, material(tmp_path, quick=True)) is None
    result = json.loads((tmp_path / "one.json").read_text())
    assert result["command"] == "benchmarks/compare_peers.py --output one.json"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('Segmentation fault')", "its output can't be read"),
        ("raise SystemExit(2)", "ended with 2"),
        ("print('[') or exit(2)", "ended with 2, and its output can't be read"),
        ("print('{}'); raise SystemExit(2)", "ended with 2"),
        ("print('[]')", "its output isn't one JSON object"),
    ],
)
def test_output_that_is_no_result_is_that_benchmarks_failure(tmp_path: Path, code: str, words: str) -> None:
    (tmp_path / "one.json").write_text("old")
    problem = everything.run_one(python(code), tmp_path, material(tmp_path, quick=True))
    assert problem is not None
    assert words in problem
    assert (tmp_path / "one.json").read_text() == "old"


def test_every_benchmark_of_the_issue_is_there(tmp_path: Path) -> None:
    names = {task.name for task in all_tasks(material(tmp_path, quick=False))}
    assert names >= {"finetune_step", "extraction", "export", "overhead_photos_fp32", "overhead_video_int8"}
    assert names >= {"cold_start", "bench", "bench_overhead", "bench_repeatability", "loadgen_agreement", "peers"}
