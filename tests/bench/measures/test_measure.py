"""All measures of real engines in real processes."""

from __future__ import annotations

import itertools
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.bench.conftest import make_plan

from tlx.bench import sampling
from tlx.bench.measures import lanes
from tlx.bench.measures.extras import Extras, all_notes
from tlx.bench.measures.measure import measure_extras
from tlx.bench.measures.wanted import NOTHING, PARTS, Wanted
from tlx.bench.model_size import model_bytes
from tlx.bench.plan import EngineSpec, Plan
from tlx.runtime.energy import EnergyMeter
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish
from tlx.runtime.timing.protocol import ONNX_KIND

FIELDS = ["model_bytes", "stages", "cold_start", "memory", "sustained", "energy", "transfers"]
EVERYTHING = Wanted(frozenset(PARTS), sustained_s=0.6, first_s=0.3, rest_s=0.0, cold_starts=2, seconds=20.0)


def workers() -> list[psutil.Process]:
    """Our workers that live, in the order of their start."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return sorted((child for child in children if lanes.WORKER in child.cmdline()), key=lambda child: child.pid)


def two_engines(model: Path, *, wanted: Wanted, photos: tuple[Path, ...] = ()) -> Plan:
    engines = [EngineSpec(ONNX_KIND, model, (32, 32), mark=mark) for mark in ("one", "two")]
    return replace(make_plan(engines, rounds=1, photos=photos), wanted=wanted)


@pytest.fixture(scope="module")
def photos(png_photos: Path) -> tuple[Path, ...]:
    return tuple(sorted(png_photos.rglob("*.png")))


def test_everything_is_measured_of_each_engine(tiny_model: Path, photos: tuple[Path, ...]) -> None:
    plan = two_engines(tiny_model, wanted=EVERYTHING, photos=photos)
    extras = measure_extras(plan, sampling.measure(plan).engines)
    assert list(extras) == ["onnxruntime.cpu.fp32:one", "onnxruntime.cpu.fp32:two"]
    for found in extras.values():
        document = found.document()
        assert list(document) == FIELDS
        assert document["model_bytes"] == tiny_model.stat().st_size
        assert document["stages"]["total"]["n"] == 90
        shares = [document["stages"][stage]["p50_ms"] for stage in ("decode", "resize", "inference", "post")]
        assert min(shares) > 0
        assert document["stages"]["total"]["p50_ms"] > max(shares)
        assert document["cold_start"]["runs"] == 2
        assert 0 < document["cold_start"]["min_s"] <= document["cold_start"]["p50_s"]
        # An interpreter with ONNX Runtime and OpenCV: between these on any machine.
        assert 30 < document["memory"]["peak_rss_mb"] < 2000
        assert document["memory"]["gpu_mb"] is None
        assert document["sustained"]["seconds"] >= 0.6
        assert document["sustained"]["first_minute_photos_per_s"] > 0
        assert document["sustained"]["sustained_photos_per_s"] > 0
        assert document["transfers"] is None
        assert (document["energy"] is not None) is ("cpu" in EnergyMeter().sources)
    notes = all_notes(extras.values())
    assert [note for note in notes if "energy" not in note] == []
    assert len(notes) == (0 if "cpu" in EnergyMeter().sources else 1)
    assert workers() == []


def test_nothing_wanted_starts_nothing(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = two_engines(tiny_model, wanted=NOTHING)
    records = sampling.measure(plan).engines
    monkeypatch.setattr(lanes, "WORKER", "no.such.module")
    extras = measure_extras(plan, records)
    assert extras["onnxruntime.cpu.fp32:one"] == Extras(model_bytes=tiny_model.stat().st_size)


def test_pictures_made_by_formula_have_no_stages_and_a_note_says_so(tiny_model: Path) -> None:
    plan = two_engines(tiny_model, wanted=Wanted(frozenset({"stages", "memory", "cold-start"}), cold_starts=1))
    extras = measure_extras(plan, sampling.measure(plan).engines)
    for found in extras.values():
        assert found.stages is None
        assert found.memory is not None
        assert found.cold_start is not None
    assert all_notes(extras.values()) == [
        "stages aren't known: pictures made by formula have no file to decode (--photos)"
    ]


def test_engines_that_failed_before_are_left_out(tiny_model: Path) -> None:
    engines = [
        EngineSpec(ONNX_KIND, tiny_model.with_name(f"{name}.onnx"), (32, 32), mark=name) for name in ("tiny", "gone")
    ]
    plan = replace(make_plan(engines, rounds=1), wanted=Wanted(frozenset({"memory"})))
    extras = measure_extras(plan, sampling.measure(plan).engines)
    assert list(extras) == ["onnxruntime.cpu.fp32:tiny"]


def test_an_engine_that_dies_keeps_what_was_found_and_the_others_go_on(
    tiny_model: Path, photos: tuple[Path, ...]
) -> None:
    wanted = replace(EVERYTHING, parts=frozenset({"stages", "memory"}))
    plan = two_engines(tiny_model, wanted=wanted, photos=photos)
    records = sampling.measure(plan).engines
    killed: list[psutil.Process] = []

    def kill_the_second(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total, note
        if stage == "measuring the sustained rate" and not killed:
            killed.append(workers()[1])
            killed[0].send_signal(signal.SIGKILL)

    one, two = measure_extras(plan, records, kill_the_second).values()
    assert None not in (one.stages, one.memory, one.sustained, two.stages, two.memory)
    assert two.sustained is None
    assert [note.startswith("onnxruntime.cpu.fp32:two: its process ended (signal SIGKILL") for note in two.notes] == [
        True
    ]
    assert one.notes == ()
    assert workers() == []


def test_the_processes_are_gone_when_it_is_interrupted(tiny_model: Path, photos: tuple[Path, ...]) -> None:
    plan = two_engines(tiny_model, wanted=EVERYTHING, photos=photos)
    records = sampling.measure(plan).engines

    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if (stage, done) == ("measuring stages", 1):
            assert len(workers()) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_extras(plan, records, interrupt)
    assert workers() == []


def test_waiting_engines_use_no_processor_while_another_runs(busy_model: Path, photos: tuple[Path, ...]) -> None:
    """The one that waits is parked though its threads spin after work."""
    engines = [EngineSpec(ONNX_KIND, busy_model, (96, 96), mark=mark) for mark in ("one", "two")]
    wanted = Wanted(frozenset(), sustained_s=1.0, first_s=0.5, rest_s=0.0)
    # So few seconds allow a short warm-up only: the latency doesn't count here.
    plan = replace(make_plan(engines, rounds=1, photos=photos), wanted=wanted, max_seconds=8.0)
    records = sampling.measure(plan).engines
    used_s: list[list[float]] = []

    def watch(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total, note
        if stage == "measuring the sustained rate":
            used_s.append([sum(worker.cpu_times()[:2]) for worker in workers()])

    measure_extras(plan, records, watch)
    # Before the first, before the second, after it.
    first, second = (
        [later - earlier for earlier, later in zip(*pair, strict=True)] for pair in itertools.pairwise(used_s)
    )
    for turn in (first, second):
        # On a machine that others load the one that runs doesn't get all it could use; one that spins takes as much.
        assert max(turn) > 0.1
        assert min(turn) < 0.2 * max(turn)


def test_photos_are_thinned_out_evenly() -> None:
    plan = make_plan(
        [EngineSpec(ONNX_KIND, Path("m.onnx"), (8, 8))], photos=tuple(Path(f"{n}.png") for n in range(130))
    )
    setup = lanes.thinned(plan.setup(plan.engines[0]))
    assert setup.photos == [f"{n}.png" for n in range(0, 130, 3)]
    assert len(setup.photos) <= lanes.MOST_PHOTOS


def test_model_bytes_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "graph.param").write_bytes(b"123")
    (tmp_path / "model" / "weights.bin").write_bytes(b"4567")
    assert model_bytes(tmp_path / "model" / "graph.param") == 3
    assert model_bytes(tmp_path / "model") == 7
    assert model_bytes(tmp_path / "gone") is None


def test_model_bytes_of_a_models_folder_are_those_of_its_current_model(tiny_model: Path, tmp_path: Path) -> None:
    publish(tmp_path / "models", ModelFile.read(tiny_model))
    (tmp_path / "models" / "history.jsonl").write_text("{}\n" * 100)
    assert model_bytes(tmp_path / "models") == tiny_model.stat().st_size
