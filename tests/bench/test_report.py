from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlx.bench.document import BenchDocument
from tlx.bench.environment import describe_machine
from tlx.bench.measures.extras import Extras
from tlx.bench.measures.memory import Memory
from tlx.bench.plan import EngineSpec, Plan, Workload
from tlx.bench.prepare import BenchOptions, Prepared
from tlx.bench.report import Findings, build_document
from tlx.bench.results import evaluate
from tlx.bench.sampling import EngineRecord, Measurement
from tlx.runtime.timing.protocol import ONNX_KIND, Samples

MS = 1_000_000
CALLS = 6


def record(kind: str, latency_ms: float, *, second: float = 0.7, rounds: int = 8, mark: str = "") -> EngineRecord:
    """An engine whose calls take ``latency_ms`` and a little more from one to the next."""
    latencies_ns = [int(latency_ms * MS * (1 + call / 100)) for call in range(CALLS)]
    turn = Samples(latencies_ns, parked_cpu_ns=0, parked_wall_ns=100 * MS, idle_after_ns=40 * MS)
    return EngineRecord(
        spec=EngineSpec(kind, Path(f"{mark or kind}.onnx"), (8, 6), mark=mark),
        name=f"{kind}:{mark}" if mark else kind,
        provider="cpu",
        probabilities=np.array([[0.6, 0.4], [1 - second, second]], np.float32),
        turns=[turn] * rounds,
    )


def failed(kind: str) -> EngineRecord:
    return EngineRecord(EngineSpec(kind, Path("model.onnx"), (8, 6)), kind, error=f"{kind}: its process ended")


def build(*records: EngineRecord, extras: dict[str, Extras] | None = None, **options: Any) -> BenchDocument:
    specs = tuple(one.spec for one in records)
    workload = Workload((Path("a.jpg"), Path("b.jpg")), 0, 2, true_classes=(0, 1))
    plan = Plan(specs, workload, rounds=8, max_seconds=60.0)
    models = tuple(dict.fromkeys(spec.model for spec in specs if spec.kind == ONNX_KIND)) or (Path("model.onnx"),)
    return build_document(
        Prepared(BenchOptions(models, **options), plan, "photos", ("a note",)),
        Findings(Measurement(records, 8, 12.0), evaluate(records, workload), extras or {}),
        environment=describe_machine(plan),
        command="tlx bench model.onnx",
    )


def test_document_holds_what_others_build_on() -> None:
    made = build(record("keras.predict", 20.0), record("fast", 5.0, second=0.4), failed("broken")).document()
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["schema"], made["baseline"], made["command"]) == (2, "keras.predict", "tlx bench model.onnx")
    # The photos of this bench that never ran aren't there, so they have no fingerprint.
    assert made["photos"] == {"count": 2, "from": "photos", "synthetic": False, "sha256": None}
    assert made["notes"] == ["a note"]
    base, fast, broken = made["engines"]
    assert (base["name"], base["batch"], base["threads"], base["n"]) == ("keras.predict", 1, 1, 48)
    assert base["parked"] == {"cpu_ms": 0.0, "wall_ms": 800.0, "idle": True, "spin_ms": 40.0}
    assert base["p50_ms"] == pytest.approx(20.5)
    assert base["p50_ci95_ms"][0] <= base["p50_ms"] <= base["p50_ci95_ms"][1]
    assert (base["min_ms"], base["max_ms"]) == (20.0, 21.0)
    assert base["latencies_ms"] == [20.0, 20.2, 20.4, 20.6, 20.8, 21.0] * 8
    assert base["round_medians_ms"] == [20.5] * 8
    assert base["throughput_photos_per_s"] == pytest.approx(1000 / 20.5, rel=1e-3)
    assert fast["ratio_to_baseline"] == pytest.approx(4.0)
    assert (fast["status"], fast["agreement"]["labels_equal"], fast["agreement"]["agrees"]) == ("wrong", 1, False)
    assert (broken["status"], broken["error"]) == ("failed", "broken: its process ended")
    assert broken["p50_ms"] is None
    assert broken["latencies_ms"] == []


def test_document_refuses_percentiles_that_the_sample_cannot_carry() -> None:
    (engine,) = build(record("keras.predict", 20.0, rounds=2)).document()["engines"]
    assert engine["n"] == 12
    assert engine["p50_ms"] is not None
    assert engine["p90_ms"] is None
    assert engine["p90_ci95_ms"] is None
    assert engine["ratio_ci95"] is None


def test_what_else_was_measured_stands_in_its_row() -> None:
    extras = {"fast": Extras(model_bytes=7, memory=Memory(312_000_000, None), notes=("no energy",))}
    base, fast = build(record("keras.predict", 20.0), record("fast", 5.0), extras=extras).engines
    assert base.memory is None
    assert fast.memory is not None
    assert (fast.memory.peak_rss_mb, fast.model_bytes) == (312.0, 7)


def test_a_row_has_its_models_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"a model")
    there = record("there", 20.0)
    there.spec = replace(there.spec, model=tmp_path / "m.onnx")
    known, unknown = build(there, record("gone", 5.0)).engines
    assert known.model_sha256 == hashlib.sha256(b"a model").hexdigest()
    assert unknown.model_sha256 is None


def test_accuracy_is_counted_where_the_photos_labels_are_known() -> None:
    (engine,) = build(record("keras.predict", 20.0)).engines
    assert engine.accuracy is not None
    assert (engine.accuracy.correct, engine.accuracy.photos) == (2, 2)


def options_of(command: str | None) -> tuple[list[str], dict[str, list[str]]]:
    """The model files of a command, and its options with their values."""
    assert command is not None
    words = shlex.split(command)
    assert words[:2] == ["tlx", "bench"]
    first = next(place for place, word in enumerate(words) if word.startswith("--"))
    found: dict[str, list[str]] = {}
    for name, value in zip(words[first::2], words[first + 1 :: 2], strict=True):
        found.setdefault(name, []).append(value)
    return words[2:first], found


def test_the_command_of_a_row_takes_itself_and_the_baseline_only() -> None:
    document = build(*(record(ONNX_KIND, 9.0, mark=mark) for mark in ("a", "b c[1]")))
    (models, first), (_, second) = (options_of(row.command) for row in document.engines)
    assert models == ["a.onnx", "b c[1].onnx"]
    assert first["--engine"] == ["onnxruntime.cpu.fp32:a"]
    # What would stand for something else in a pattern is taken literally.
    assert second["--engine"] == ["onnxruntime.cpu.fp32:a", "onnxruntime.cpu.fp32:b c[[]1]"]


def test_the_command_of_a_row_spells_out_every_setting() -> None:
    made = build(record("keras.predict", 20.0), record(ONNX_KIND, 8.0), keras="runs/r 1", photos=Path("p"), limit=7)
    _, options = options_of(made.engines[1].command)
    assert options == {
        "--engine": ["keras.predict", "onnxruntime.cpu.fp32"],
        "--keras": ["runs/r 1"],
        "--photos": ["p"],
        "--limit": ["7"],
        "--batch": ["1"],
        "--threads": ["1"],
        "--max-seconds": ["90"],
        "--margin": ["0.02"],
        "--seed": ["0"],
        "--device": ["auto"],
        "--measure": ["none"],
    }


def test_the_command_of_a_row_names_an_interpreter_of_keras_only_where_it_runs_keras() -> None:
    python = Path("other/bin/python")
    (alone,) = build(record(ONNX_KIND, 8.0), keras_python=python).engines
    assert "--keras-python" not in options_of(alone.command)[1]
    _, beside = build(record("keras.predict", 20.0), record(ONNX_KIND, 8.0), keras_python=python).engines
    assert options_of(beside.command)[1]["--keras-python"] == [str(python)]
