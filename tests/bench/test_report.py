from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlx.bench.document import BenchDocument
from tlx.bench.environment import describe_machine
from tlx.bench.plan import CALLS_PER_TURN, EngineSpec, Placement, Plan, Workload
from tlx.bench.prepare import BenchOptions, Prepared
from tlx.bench.report import build_document
from tlx.bench.results import evaluate
from tlx.bench.sampling import EngineRecord, Measurement
from tlx.runtime.timing.protocol import ONNX_KIND, Samples

MS = 1_000_000


def record(kind: str, latency_ms: float, *, second: float = 0.7, rounds: int = 8, mark: str = "") -> EngineRecord:
    """An engine whose calls take ``latency_ms`` and a little more from one to the next."""
    latencies_ns = [int(latency_ms * MS * (1 + call / 100)) for call in range(CALLS_PER_TURN)]
    turn = Samples(latencies_ns, parked_cpu_ns=0, parked_wall_ns=100 * MS, idle_after_ns=40 * MS)
    return EngineRecord(
        spec=EngineSpec(kind, Path(f"{mark or kind}.onnx"), (8, 6), mark=mark),
        name=kind,
        provider="cpu",
        probabilities=np.array([[0.6, 0.4], [1 - second, second]], np.float32),
        turns=[turn] * rounds,
    )


def failed(kind: str) -> EngineRecord:
    return EngineRecord(EngineSpec(kind, Path("model.onnx"), (8, 6)), kind, error=f"{kind}: its process ended")


def build(*records: EngineRecord, **options: Any) -> BenchDocument:
    specs = tuple(one.spec for one in records)
    workload = Workload((Path("a.jpg"), Path("b.jpg")), 0, 2, 1)
    prepared = Prepared(
        BenchOptions((Path("model.onnx"),), **options),
        Plan(specs, workload, Placement("cpu", 2, (0, 1)), 8, 60.0),
        "photos",
        ("a note",),
    )
    return build_document(
        prepared,
        Measurement(records, 8, 12.0),
        evaluate(records),
        environment=describe_machine(prepared.plan),
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
    assert (base["name"], base["batch"], base["threads"], base["n"]) == ("keras.predict", 1, 2, 48)
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


def words(command: str | None) -> list[str]:
    assert command is not None
    return shlex.split(command)


def test_the_command_of_a_row_names_its_own_model_and_the_baseline_only() -> None:
    document = build(
        record(ONNX_KIND, 9.0, mark="a"), record(ONNX_KIND, 8.0, mark="b c"), record(ONNX_KIND, 7.0, mark="d")
    )
    commands = [words(row.command) for row in document.engines]
    assert [command[:2] for command in commands] == [["tlx", "bench"]] * 3
    assert commands[0][2:5] == ["a.onnx", "--keras", "none"]
    assert commands[1][2:6] == ["a.onnx", "b c.onnx", "--keras", "none"]
    assert commands[2][2:6] == ["a.onnx", "d.onnx", "--keras", "none"]


def test_the_command_of_a_row_spells_out_every_setting() -> None:
    document = build(record("keras.predict", 20.0), record(ONNX_KIND, 8.0), keras="runs/r 1", photos=Path("p"), limit=7)
    command = words(document.engines[1].command)
    assert command[2:7] == ["onnxruntime.onnx", "--keras", "runs/r 1", "--photos", "p"]
    pairs = dict(zip(command[7::2], command[8::2], strict=True))
    assert pairs["--limit"] == "7"
    assert pairs["--batch"] == "1"
    assert pairs["--threads"] == "2"
    assert {"--rounds", "--max-seconds", "--device"} <= pairs.keys()
