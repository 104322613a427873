from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlx.bench.plan import CALLS_PER_TURN, EngineSpec, Plan, Workload
from tlx.bench.prepare import Prepared
from tlx.bench.report import build_document, describe_machine
from tlx.bench.results import baseline_name, evaluate
from tlx.bench.sampling import EngineRecord, Measurement
from tlx.bench.table import format_remarks, format_table
from tlx.runtime.timing.protocol import Samples

MILLISECOND_NS = 1_000_000


WORKLOAD = Workload((Path("a.jpg"), Path("b.jpg")), 0, 2)


def record(
    kind: str, latency_ms: float, *, second: float = 0.7, rounds: int = 8, parked_ms: float = 0.0
) -> EngineRecord:
    """An engine whose calls take ``latency_ms`` and a little more from one to the next."""
    turn = Samples(
        latencies_ns=[int(latency_ms * MILLISECOND_NS * (1 + call / 100)) for call in range(CALLS_PER_TURN)],
        parked_cpu_ns=int(parked_ms * MILLISECOND_NS),
        parked_wall_ns=100 * MILLISECOND_NS,
        idle_after_ns=40 * MILLISECOND_NS,
    )
    return EngineRecord(
        spec=EngineSpec(kind, Path("model.onnx"), (8, 6), threads=2),
        name=kind,
        provider="cpu",
        probabilities=np.array([[0.6, 0.4], [1 - second, second]], np.float32),
        turns=[turn] * rounds,
    )


def of_batch(batch: int, record: EngineRecord) -> EngineRecord:
    return replace(record, spec=replace(record.spec, batch=batch))


def failed(kind: str) -> EngineRecord:
    return EngineRecord(EngineSpec(kind, Path("model.onnx"), (8, 6)), kind, error=f"{kind}: its process ended")


def plan(*records: EngineRecord) -> Plan:
    return Plan(tuple(record.spec for record in records), WORKLOAD, 8, 60.0)


def document(*records: EngineRecord) -> dict[str, Any]:
    prepared = Prepared(plan(*records), "photos", ("a note",))
    return build_document(
        prepared,
        Measurement(records, 8, 12.0),
        evaluate(records, WORKLOAD),
        environment=describe_machine(prepared.plan),
        command="tlx bench model.onnx",
    )


def test_evaluate_compares_with_the_first_engine() -> None:
    slow, fast = evaluate([record("keras.predict", 20.0), record("fast", 5.0)], WORKLOAD)
    assert slow.ratio is not None
    assert fast.ratio is not None
    assert slow.ratio.value == 1.0
    assert fast.ratio.value == pytest.approx(4.0)
    assert fast.ratio.low == pytest.approx(4.0)
    assert fast.agreement is not None
    assert fast.agreement.agrees


def test_evaluate_takes_the_next_engine_as_baseline_when_the_first_failed() -> None:
    results = evaluate([failed("keras.predict"), record("keras.call", 20.0), record("fast", 5.0)], WORKLOAD)
    assert baseline_name(results) == "keras.call"
    assert results[0].latency_ms is None
    assert results[2].ratio is not None
    assert results[2].ratio.value == pytest.approx(4.0)


def test_evaluate_survives_that_all_failed() -> None:
    results = evaluate([failed("a"), failed("b")], WORKLOAD)
    assert baseline_name(results) is None
    assert [result.error for result in results] == ["a: its process ended", "b: its process ended"]


def test_evaluate_compares_within_a_batch_size() -> None:
    results = evaluate(
        [
            record("slow", 20.0),
            record("fast", 5.0),
            of_batch(8, record("slow", 60.0)),
            of_batch(8, record("fast", 20.0)),
        ],
        WORKLOAD,
    )
    assert [result.ratio and round(result.ratio.value, 6) for result in results] == [1.0, 4.0, 1.0, 3.0]
    # Eight photos a call; the calls of a turn take 2.5 % longer than the first on average.
    assert results[3].throughput_photos_per_s == pytest.approx(8 / 20.5e-3)


def test_evaluate_marks_a_fast_wrong_engine_as_wrong() -> None:
    slow, wrong, broken = evaluate([record("keras.predict", 20.0), record("w", 5.0, second=0.2), failed("b")], WORKLOAD)
    assert [result.status for result in (slow, wrong, broken)] == ["ok", "wrong", "failed"]


def test_evaluate_tells_the_accuracy_where_labels_are_known() -> None:
    labelled = Workload(WORKLOAD.photos, 0, 2, true_classes=(0, 1))
    right, half = evaluate([record("a", 20.0), record("b", 20.0, second=0.4)], labelled)
    assert right.accuracy is not None
    assert half.accuracy is not None
    assert (right.accuracy.correct, half.accuracy.correct, half.accuracy.photos) == (2, 1, 2)
    assert half.accuracy.low < 0.5 < half.accuracy.high
    assert evaluate([record("a", 20.0)], WORKLOAD)[0].accuracy is None


def test_evaluate_keeps_every_sample_and_the_medians_of_the_rounds() -> None:
    result = evaluate([record("keras.predict", 20.0, rounds=3)], WORKLOAD)[0]
    assert result.latencies_ms == tuple([20.0, 20.2, 20.4, 20.6, 20.8, 21.0] * 3)
    assert result.round_medians_ms == (20.5,) * 3


def test_document_holds_what_others_build_on() -> None:
    made = document(record("keras.predict", 20.0), record("fast", 5.0, second=0.4), failed("broken"))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["schema"], made["baseline"], made["command"]) == (1, "keras.predict", "tlx bench model.onnx")
    assert made["photos"] == {"count": 2, "from": "photos", "synthetic": False}
    assert made["environment"]["threads"] == 2
    assert made["environment"]["processor"]
    assert made["environment"]["versions"]["numpy"]
    base, fast, broken = made["engines"]
    assert (base["name"], base["batch"], base["n"]) == ("keras.predict", 1, 48)
    assert base["parked"] == {"cpu_ms": 0.0, "wall_ms": 800.0, "idle": True, "spin_ms": 40.0}
    assert base["p50_ms"] == pytest.approx(20.5)
    assert base["p50_ci95_ms"][0] <= base["p50_ms"] <= base["p50_ci95_ms"][1]
    assert base["p90_ms"] == pytest.approx(21.0)
    assert (base["min_ms"], base["max_ms"]) == (20.0, 21.0)
    assert fast["ratio_to_baseline"] == pytest.approx(4.0)
    assert fast["agreement"]["labels_equal"] == 1
    assert fast["agreement"]["agrees"] is False
    assert broken["status"] == "failed"
    assert broken["error"] == "broken: its process ended"
    assert broken["p50_ms"] is None


def test_document_refuses_percentiles_that_the_sample_cannot_carry() -> None:
    engine = document(record("keras.predict", 20.0, rounds=2))["engines"][0]
    assert engine["n"] == 12
    assert engine["p50_ms"] is not None
    assert engine["p90_ms"] is None
    assert engine["p90_ci95_ms"] is None
    assert engine["ratio_ci95"] is None


def test_table_fits_into_100_columns_with_the_longest_names() -> None:
    records = [
        record("keras.predict", 1234.5),
        record("onnxruntime.cpu.fp32:a-very-long-name-of-a-model-file#12", 0.5, second=0.1),
        failed("onnxruntime.tensorrt.int8"),
    ]
    lines = format_table(evaluate(records, WORKLOAD))
    assert max(len(line) for line in lines) <= 100
    assert "1265 [" in lines[1]
    assert "0.512 [" in lines[2]
    assert "1/2 !" in lines[2]
    assert lines[3].split() == ["onnxruntime.tensorrt.int8", "failed"]


def remarks(*records: EngineRecord) -> str:
    results = evaluate(records, WORKLOAD)
    return " ".join(line.strip() for line in format_remarks(results, Measurement(records, 8, 12.0), plan(*records)))


def test_remarks_name_an_engine_that_differs() -> None:
    text = remarks(record("keras.predict", 20.0), record("wrong", 5.0, second=0.4))
    assert "! wrong is wrong: 1 of 2 labels differ, probabilities by up to 3e-01 from keras.predict" in text


def test_remarks_name_an_engine_that_was_not_idle_while_it_waited() -> None:
    text = remarks(record("keras.predict", 20.0), record("spinning", 5.0, parked_ms=90.0))
    assert "spinning kept 90% of a processor busy" in text
    assert "keras.predict kept" not in text


def test_remarks_tell_that_time_was_short() -> None:
    only = record("keras.predict", 20.0)
    lines = format_remarks(evaluate([only], WORKLOAD), Measurement((only,), 3, 60.0, ended="seconds"), plan(only))
    assert lines == ["3 of 8 rounds fitted into 60 s (--max-seconds)"]


def test_remarks_tell_the_batch_and_why_p90_is_missing() -> None:
    text = remarks(of_batch(8, record("keras.predict", 20.0, rounds=2)))
    assert "batch of 8 photos" in text
    assert "n/a: p90 needs 36 calls" in text
