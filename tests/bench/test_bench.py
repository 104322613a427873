"""Whole benches with real ONNX Runtime sessions in real worker processes."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from tlx.bench import sampling
from tlx.bench.bench import run_bench
from tlx.bench.plan import MOST_CALLS, EngineSpec, Plan, Workload
from tlx.bench.prepare import BenchOptions, prepare
from tlx.bench.stopping import LOOKS
from tlx.errors import DeviceError, InputError, ModelFileError, RunError
from tlx.runtime.processors import usable_processors
from tlx.runtime.timing.protocol import ONNX_KIND

if TYPE_CHECKING:
    import onnx


def bench_workers() -> list[psutil.Process]:
    """Our workers that live, in the order of their start."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return sorted((child for child in children if "tlx.bench.worker" in child.cmdline()), key=lambda child: child.pid)


def swap_labels(model: onnx.ModelProto) -> None:
    """Red becomes green: the same work, other answers."""
    from onnx import numpy_helper

    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    swapped = numpy_helper.to_array(weights)[:, [1, 0, 2]]
    weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(swapped), "weights"))


@pytest.fixture(scope="module")
def swapped_model(make_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "swapped.onnx"
    path.write_bytes(make_model(change=swap_labels))
    return path


def test_run_bench_measures_every_model_and_marks_the_one_that_differs(
    tiny_model: Path, swapped_model: Path, png_photos: Path
) -> None:
    options = BenchOptions((tiny_model, swapped_model), photos=png_photos, rounds=6, device="cpu")
    report = run_bench(options, command="tlx bench")
    tiny, swapped = report.document["engines"]
    assert report.failures == ()
    assert (tiny["name"], swapped["name"]) == ("onnxruntime.cpu.fp32:tiny", "onnxruntime.cpu.fp32:swapped")
    assert report.document["baseline"] == tiny["name"]
    # Fast engines have long turns.
    assert tiny["n"] == swapped["n"] == 6 * MOST_CALLS
    assert (tiny["status"], swapped["status"]) == ("ok", "wrong")
    assert tiny["warm_up"]["calls"] >= 18
    assert 0 < tiny["min_ms"] <= tiny["p50_ms"] <= tiny["max_ms"]
    if tiny["p90_ms"] is None:
        # The turns of a loaded machine differ so much that their calls can't carry it.
        assert tiny["samples_needed"]["p90"] > tiny["n"]
    else:
        assert tiny["p50_ms"] <= tiny["p90_ms"] <= tiny["max_ms"]
    assert tiny["agreement"]["agrees"] is True
    # Three of the seven photos are red and two green; the two blue ones keep their label.
    assert swapped["agreement"] == {
        "photos": 7,
        "labels_equal": 2,
        "max_abs_difference": pytest.approx(1.0, abs=0.1),
        "tolerance": 1e-4,
        "agrees": False,
        "wrong": True,
        "same_network": True,
        "beside": tiny["name"],
        "labels_lost": None,
        "labels_gained": None,
    }
    assert list(report.wrong) == [
        f"{swapped['name']} gives other answers than {tiny['name']}: 5 of 7 labels differ, probabilities by up to 1e+00"
    ]
    assert swapped["status"] == "wrong"
    # The two folders are no labels.
    assert tiny["accuracy"] is None
    assert swapped["ratio_ci95"][0] <= swapped["ratio_to_baseline"] <= swapped["ratio_ci95"][1]
    assert any("WRONG: onnxruntime.cpu.fp32:swapped gives other answers" in line for line in report.table)


def test_waiting_engines_are_idle_though_their_thread_pools_spin_after_work(busy_model: Path) -> None:
    threads = min(2, len(os.sched_getaffinity(0)))
    spec = EngineSpec(ONNX_KIND, busy_model, (96, 96), threads=threads)
    plan = Plan((spec, replace(spec, mark="twin")), Workload((), 2, 3), rounds=4, max_seconds=12.0)
    measurement = sampling.measure(plan)
    for engine in measurement.engines:
        assert engine.error is None
        parked_cpu_ms = sum(turn.parked_cpu_ns for turn in engine.turns) / 1e6
        parked_ms = sum(turn.parked_wall_ns for turn in engine.turns) / 1e6
        # Each waited through the other's turns and the answers.
        assert parked_ms > 50
        # Reading a message and waking up take some of it; spinning would take all.
        assert parked_cpu_ms / len(engine.turns) < 2.0
        assert parked_cpu_ms < 0.1 * parked_ms


def test_batches_are_filled_and_every_photo_is_answered_once(tiny_model: Path, png_photos: Path) -> None:
    options = BenchOptions((tiny_model,), photos=png_photos, rounds=1, batches=(4,), device="cpu")
    report = run_bench(options, command="tlx bench")
    assert report.document["engines"][0]["batch"] == 4
    assert report.document["engines"][0]["agreement"]["photos"] == 7
    assert report.document["photos"]["count"] == 7
    assert "times are for a batch of 4 photos" in report.table


def test_without_photos_pictures_are_made_by_formula_and_the_report_says_so(tiny_model: Path) -> None:
    report = run_bench(BenchOptions((tiny_model,), limit=3, rounds=1, device="cpu"), command="tlx bench")
    assert report.document["photos"] == {
        "count": 3,
        "from": "made by formula",
        "synthetic": True,
        "sha256": None,
    }
    assert any("made by formula" in note for note in report.notes)
    assert any("doesn't say which run" in note for note in report.notes)


def test_a_run_of_which_nothing_is_needed_is_not_missed(tiny_model: Path, png_photos: Path) -> None:
    options = BenchOptions((tiny_model,), photos=png_photos, device="cpu")
    assert any("which run it came from" in note for note in prepare(options).notes)
    assert prepare(replace(options, keras="none")).notes == ()


def test_an_engine_that_dies_is_marked_and_the_others_go_on(tiny_model: Path, swapped_model: Path) -> None:
    engines = tuple(EngineSpec(ONNX_KIND, model, (32, 32), mark=model.stem) for model in (tiny_model, swapped_model))
    plan = Plan(engines, Workload((), 2, 3), rounds=5, max_seconds=60.0)

    def kill_the_second(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if (stage, done) == ("measuring rounds", 2):
            bench_workers()[1].send_signal(signal.SIGKILL)

    tiny, swapped = sampling.measure(plan, kill_the_second).engines
    assert swapped.error is not None
    assert swapped.error.startswith("onnxruntime.cpu.fp32:swapped: its process ended (signal SIGKILL")
    assert tiny.error is None
    assert len(tiny.turns) == 5
    assert bench_workers() == []


def test_a_bench_ends_when_all_engines_have_failed(tiny_model: Path) -> None:
    engines = (EngineSpec(ONNX_KIND, tiny_model.with_name("gone.onnx"), (32, 32)),)
    plan = Plan(engines, Workload((), 2, 3), rounds=5, max_seconds=60.0)
    measurement = sampling.measure(plan)
    assert measurement.rounds == 1
    assert measurement.ended == "failures"
    assert "gone.onnx" in str(measurement.engines[0].error)


def test_an_engine_that_nobody_asked_for_and_that_does_not_load_is_a_note(tiny_model: Path) -> None:
    engine = EngineSpec(ONNX_KIND, tiny_model, (32, 32))
    gone = EngineSpec(ONNX_KIND, tiny_model.with_name("gone.onnx"), (32, 32), mark="gone", optional=True)
    measurement = sampling.measure(Plan((engine, gone), Workload((), 2, 3), rounds=2, max_seconds=60.0))
    assert [record.name for record in measurement.engines] == ["onnxruntime.cpu.fp32"]
    assert len(measurement.notes) == 1
    assert measurement.notes[0].startswith("not measured: onnxruntime.cpu.fp32:gone: ")


def test_each_batch_size_and_number_of_threads_is_a_row(tiny_model: Path, png_photos: Path) -> None:
    options = BenchOptions(
        (tiny_model,), photos=png_photos, rounds=2, batches=(1, 4), threads=(1, 2), device="cpu", margin=0
    )
    engines = run_bench(options, command="tlx bench").document["engines"]
    assert {engine["name"] for engine in engines} == {"onnxruntime.cpu.fp32"}
    assert [(engine["batch"], engine["threads"]) for engine in engines] == [(1, 1), (4, 1), (1, 2), (4, 2)]
    assert all(engine["agreement"]["agrees"] and engine["agreement"]["photos"] == 7 for engine in engines)


@pytest.mark.parametrize(
    ("bounds", "rounds", "seconds"),
    [
        ({}, 600, 90.0),
        ({"margin": 0.1}, 600, 90.0),
        # A high percentile may take any number of rounds.
        ({"margin": 0.0}, None, 90.0),
        ({"margin": 0.0, "max_seconds": 600.0}, None, 600.0),
        ({"rounds": 500}, 500, float("inf")),
        ({"rounds": 500, "max_seconds": 60.0}, 500, 60.0),
    ],
)
def test_what_bounds_a_bench(bounds: dict[str, Any], rounds: int | None, seconds: float) -> None:
    options = BenchOptions((Path("model.onnx"),), **bounds)
    assert (options.most_rounds, options.longest_s) == (rounds, seconds)


def test_without_a_margin_rounds_go_on_until_the_time_is_up(tiny_model: Path) -> None:
    options = BenchOptions((tiny_model,), limit=2, margin=0.0, max_seconds=3.0, device="cpu")
    method = run_bench(options, command="tlx bench").document["method"]
    assert (method["rounds_asked"], method["ended"], method["max_seconds"]) == (None, "seconds", 3.0)
    plan = prepare(options).plan
    record = sampling.EngineRecord(plan.engines[0], "engine")
    assert sampling.why_end(100_000, 2.0, [record], plan) is None
    assert sampling.why_end(100_000, 3.1, [record], plan) == "seconds"


def test_asked_for_rounds_have_no_limit_of_time(tiny_model: Path) -> None:
    report = run_bench(BenchOptions((tiny_model,), limit=2, rounds=3, device="cpu"), command="tlx bench")
    method = report.document["method"]
    assert (method["rounds"], method["rounds_asked"], method["ended"], method["max_seconds"]) == (3, 3, "rounds", None)
    command = str(report.document["engines"][0]["command"])
    assert "--rounds 3" in command
    assert "--max-seconds" not in command
    assert "--margin" not in command


def test_rounds_end_when_all_is_known_within_the_margin(tiny_model: Path) -> None:
    options = BenchOptions((tiny_model,), limit=2, rounds=45, margin=0.99, device="cpu")
    method = run_bench(options, command="tlx bench").document["method"]
    assert (method["ended"], method["rounds_asked"]) == ("margin", 45)
    # A loaded machine may take more than the first look.
    assert method["rounds"] in LOOKS


@pytest.mark.parametrize(("error", "interrupted"), [(KeyboardInterrupt(), True), (OSError(28, "disk full"), False)])
def test_what_goes_wrong_after_the_latencies_takes_nothing_of_them(
    tiny_model: Path, png_photos: Path, error: BaseException, *, interrupted: bool
) -> None:
    def disturb(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total, note
        if stage == "measuring stages":
            raise error

    options = BenchOptions((tiny_model,), photos=png_photos, rounds=2, device="cpu", measure="stages,memory")
    report = run_bench(options, command="tlx bench", progress=disturb)
    (engine,) = report.document["engines"]
    assert report.interrupted is interrupted
    assert (engine["status"], engine["stages"], engine["memory"]) == ("ok", None, None)
    assert engine["p50_ms"] > 0
    words = "interrupted" if interrupted else "disk full"
    assert [words in note for note in report.notes if note.startswith("nothing was measured beside")] == [True]
    assert bench_workers() == []


def test_accuracy_is_told_where_folders_are_labels(tiny_model: Path, png_photos: Path, tmp_path: Path) -> None:
    for number, photo in enumerate(sorted(png_photos.rglob("*.png"))):
        # Each lies under its colour, except that the first of the three red ones lies under blue.
        folder = tmp_path / "test" / ("blue" if number == 0 else ("red", "green", "blue")[number % 3])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / photo.name).write_bytes(photo.read_bytes())
    options = BenchOptions((tiny_model,), photos=tmp_path, rounds=1, device="cpu")
    accuracy = run_bench(options, command="tlx bench").document["engines"][0]["accuracy"]
    assert (accuracy["correct"], accuracy["photos"]) == (6, 7)
    assert 0 < accuracy["low"] < 6 / 7 < accuracy["high"] < 1


def test_photos_without_a_label_are_counted_and_take_no_accuracy_away(
    tiny_model: Path, png_photos: Path, tmp_path: Path
) -> None:
    for number, photo in enumerate(sorted(png_photos.rglob("*.png"))):
        folder = tmp_path / ("red", "green", "blue")[number % 3]
        folder.mkdir(exist_ok=True)
        (folder / photo.name).write_bytes(photo.read_bytes())
    stray = tmp_path / "stray.png"
    stray.write_bytes(next(png_photos.rglob("*.png")).read_bytes())
    (tmp_path / "notes.jpg").write_text("no picture")
    prepared = prepare(BenchOptions((tiny_model,), photos=tmp_path))
    known = prepared.plan.workload.true_classes
    assert (len(known), known.count(None)) == (8, 1)
    assert f"accuracy is of 7 photos: 1 other lies in no folder of a label, as {stray}" in prepared.notes
    assert any(note.startswith(f"left out: {tmp_path / 'notes.jpg'}") for note in prepared.notes)
    alone = prepare(BenchOptions((tiny_model,), photos=png_photos))
    assert alone.plan.workload.true_classes == ()
    assert not any("accuracy" in note for note in alone.notes)


def test_a_gpu_that_is_not_there_ends_the_bench(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(DeviceError, match="gpu"):
        run_bench(BenchOptions((tiny_model,), device="gpu", rounds=1), command="tlx bench")
    assert bench_workers() == []


def test_prepare_leaves_out_damaged_photos_and_says_so(tiny_model: Path, png_photos: Path, tmp_path: Path) -> None:
    good = next(png_photos.rglob("*.png"))
    (tmp_path / "good.png").write_bytes(good.read_bytes())
    (tmp_path / "bad.png").write_bytes(good.read_bytes()[:60])
    prepared = prepare(BenchOptions((tiny_model,), photos=tmp_path))
    assert prepared.plan.workload.photos == (tmp_path / "good.png",)
    assert any(note.startswith(f"left out: {tmp_path / 'bad.png'}") for note in prepared.notes)


def test_prepare_draws_the_same_photos_every_time(tiny_model: Path, png_photos: Path) -> None:
    first, second = (
        prepare(BenchOptions((tiny_model,), photos=png_photos, limit=3)).plan.workload.photos for _ in range(2)
    )
    assert first == second
    assert len(first) == 3
    assert list(first) == sorted(first)


def test_prepare_refuses_models_of_different_labels(tiny_model: Path, make_model: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(make_model(labels=["cat", "dog"]))
    with pytest.raises(InputError, match="compare models of the same labels"):
        prepare(BenchOptions((tiny_model, other)))


def test_prepare_refuses_more_threads_than_processors_may_be_used(tiny_model: Path) -> None:
    many = usable_processors() + 1
    with pytest.raises(InputError, match=f"--threads {many}: at most {many - 1} processors may be used here"):
        prepare(BenchOptions((tiny_model,), threads=(1, many)))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"models": (Path("missing.onnx"),)}, ModelFileError, "missing.onnx"),
        ({"photos": Path("missing")}, InputError, "missing: no such folder"),
        ({"keras": "missing"}, RunError, "missing"),
    ],
)
def test_prepare_refuses_what_is_not_there(
    tiny_model: Path, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        prepare(BenchOptions(**{"models": (tiny_model,), **change}))
