from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlx.bench.plan import EngineSpec, Workload
from tlx.bench.results import baseline_name, evaluate
from tlx.bench.sampling import EngineRecord
from tlx.runtime.timing.protocol import Samples

MILLISECOND_NS = 1_000_000
WORKLOAD = Workload((), 2, 2)
CALLS = 6


WORKLOAD = Workload((Path("a.jpg"), Path("b.jpg")), 0, 2)


def record(
    kind: str, latency_ms: float, *, second: float = 0.7, rounds: int = 8, parked_ms: float = 0.0
) -> EngineRecord:
    """An engine whose calls take ``latency_ms`` and a little more from one to the next."""
    turn = Samples(
        latencies_ns=[int(latency_ms * MILLISECOND_NS * (1 + call / 100)) for call in range(CALLS)],
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


def of_network(network: str, record: EngineRecord) -> EngineRecord:
    return replace(record, spec=replace(record.spec, network=network))


def test_evaluate_compares_answers_within_a_network_only() -> None:
    base = of_network("a", record("keras.predict", 20.0))
    other = of_network("b", record("other", 5.0, second=0.2))
    its_own, broken = of_network("b", record("same as other", 4.0, second=0.2)), of_network("b", record("broken", 3.0))
    results = evaluate([base, other, its_own, broken], WORKLOAD)
    # The last one agrees with the baseline, which isn't what it is to compute.
    assert [result.status for result in results] == ["ok", "ok", "ok", "wrong"]
    assert [result.beside for result in results] == ["keras.predict", "keras.predict", "other", "other"]
    agreements = [result.agreement for result in results if result.agreement]
    assert [one.same_network for one in agreements] == [True, False, True, True]
    assert [one.agrees for one in agreements] == [True, False, True, False]
    # How much faster they are is told beside the same baseline.
    assert [result.baseline for result in results] == ["keras.predict"] * 4


def test_what_is_no_number_is_wrong_in_any_network() -> None:
    other = of_network("b", record("other", 5.0, second=float("nan")))
    assert evaluate([of_network("a", record("a", 20.0)), other], WORKLOAD)[1].status == "wrong"


def test_evaluate_tells_the_accuracy_where_labels_are_known() -> None:
    labelled = Workload(WORKLOAD.photos, 0, 2, true_classes=(0, 1))
    right, half = evaluate([record("a", 20.0), record("b", 20.0, second=0.4)], labelled)
    assert right.accuracy is not None
    assert half.accuracy is not None
    assert (right.accuracy.correct, half.accuracy.correct, half.accuracy.photos) == (2, 1, 2)
    assert half.accuracy.low < 0.5 < half.accuracy.high
    assert evaluate([record("a", 20.0)], WORKLOAD)[0].accuracy is None


def test_the_coarser_of_two_precisions_decides_what_may_differ() -> None:
    base = record("int8", 20.0)
    base.spec = replace(base.spec, precision="int8")
    _, exact = evaluate([base, record("fp32", 20.0, second=0.75)], WORKLOAD)
    assert exact.agreement is not None
    assert (exact.status, exact.agreement.tolerance, exact.agreement.agrees) == ("ok", None, True)


def test_accuracy_is_of_the_photos_whose_label_is_known() -> None:
    labelled = Workload(WORKLOAD.photos, 0, 2, true_classes=(None, 1))
    right, wrong = evaluate([record("a", 20.0), record("b", 20.0, second=0.4)], labelled)
    assert right.accuracy is not None
    assert wrong.accuracy is not None
    assert (right.accuracy.correct, right.accuracy.photos) == (1, 1)
    assert (wrong.accuracy.correct, wrong.accuracy.photos) == (0, 1)
    assert wrong.agreement is not None
    assert (wrong.agreement.labels_lost, wrong.agreement.labels_gained) == (1, 0)


def test_evaluate_keeps_every_sample_and_the_medians_of_the_rounds() -> None:
    result = evaluate([record("keras.predict", 20.0, rounds=3)], WORKLOAD)[0]
    assert result.latencies_ms == tuple([20.0, 20.2, 20.4, 20.6, 20.8, 21.0] * 3)
    assert result.round_medians_ms == (20.5,) * 3
