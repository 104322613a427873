from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tlx.bench.plan import CALLS_PER_TURN, EngineSpec, Workload
from tlx.bench.results import baseline_name, evaluate
from tlx.bench.sampling import EngineRecord
from tlx.runtime.timing.protocol import Samples

MILLISECOND_NS = 1_000_000
WORKLOAD = Workload((), 2, 2)


def record(
    kind: str, latency_ms: float, *, second: float = 0.7, rounds: int = 8, parked_cpu_ms: float = 0.0
) -> EngineRecord:
    """An engine whose calls take ``latency_ms`` and a little more from one to the next."""
    turn = Samples(
        latencies_ns=[int(latency_ms * MILLISECOND_NS * (1 + call / 100)) for call in range(CALLS_PER_TURN)],
        parked_cpu_ns=int(parked_cpu_ms * MILLISECOND_NS),
        parked_wall_ns=100 * MILLISECOND_NS,
        idle_after_ns=40 * MILLISECOND_NS,
    )
    return EngineRecord(
        spec=EngineSpec(kind, Path("model.onnx"), (8, 6)),
        name=kind,
        provider="cpu",
        probabilities=np.array([[0.6, 0.4], [1 - second, second]], np.float32),
        turns=[turn] * rounds,
    )


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
