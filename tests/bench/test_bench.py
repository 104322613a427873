"""Whole benches with real ONNX Runtime sessions in real worker processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from tlx.bench import sampling
from tlx.bench.bench import run_bench
from tlx.bench.plan import CALLS_PER_TURN, EngineSpec, Placement, Plan, Workload
from tlx.bench.prepare import BenchOptions, prepare
from tlx.errors import DeviceError, InputError, ModelFileError, RunError
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
    assert tiny["n"] == swapped["n"] == 6 * CALLS_PER_TURN
    assert 0 < tiny["min_ms"] <= tiny["p50_ms"] <= tiny["p90_ms"] <= tiny["max_ms"]
    assert tiny["agreement"]["agrees"] is True
    # Three of the seven photos are red and two green; the two blue ones keep their label.
    assert swapped["agreement"] == {
        "photos": 7,
        "labels_equal": 2,
        "max_abs_difference": pytest.approx(1.0, abs=0.1),
        "tolerance": 1e-4,
        "agrees": False,
        "wrong": True,
    }
    assert swapped["status"] == "wrong"
    assert swapped["ratio_ci95"][0] <= swapped["ratio_to_baseline"] <= swapped["ratio_ci95"][1]
    assert any("WRONG: onnxruntime.cpu.fp32:swapped gives other answers" in line for line in report.table)


def test_waiting_engines_are_idle_though_their_thread_pools_spin_after_work(busy_model: Path) -> None:
    engines = (EngineSpec(ONNX_KIND, busy_model, (96, 96)), EngineSpec(ONNX_KIND, busy_model, (96, 96), mark="twin"))
    threads = min(2, len(os.sched_getaffinity(0)))
    plan = Plan(engines, Workload((), 2, 3, 1), Placement("cpu", threads, ()), rounds=8, max_seconds=60.0)
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
    options = BenchOptions((tiny_model,), photos=png_photos, rounds=1, batch=4, device="cpu")
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


def test_an_engine_that_dies_is_marked_and_the_others_go_on(tiny_model: Path, swapped_model: Path) -> None:
    engines = tuple(EngineSpec(ONNX_KIND, model, (32, 32), mark=model.stem) for model in (tiny_model, swapped_model))
    plan = Plan(engines, Workload((), 2, 3, 1), Placement("cpu", 1, ()), rounds=5, max_seconds=60.0)

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
    plan = Plan(engines, Workload((), 2, 3, 1), Placement("cpu", 1, ()), rounds=5, max_seconds=60.0)
    measurement = sampling.measure(plan)
    assert measurement.rounds == 1
    assert "gone.onnx" in str(measurement.engines[0].error)


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
