from __future__ import annotations

from pathlib import Path

import pytest

from tlx.bench.plan import EngineSpec, Plan, Workload, calls_in_turn, warm_up_in_turn
from tlx.runtime.timing.pinning import choose_cpus


def engine(kind: str = "keras.call", batch: int = 1, threads: int = 1) -> EngineSpec:
    return EngineSpec(kind, Path("model.keras"), (8, 6), batch=batch, threads=threads)


def plan(*engines: EngineSpec) -> Plan:
    return Plan(engines, Workload((), 10, 2), rounds=3, max_seconds=10.0, keras_python=Path("python"))


def test_rows_say_what_they_differ_in() -> None:
    assert plan(engine()).row(engine(), "keras.call") == "keras.call"
    rows = [engine(batch=batch, threads=threads) for threads in (1, 2) for batch in (1, 8)]
    assert [plan(*rows).row(row, "keras.call") for row in rows] == [
        "keras.call (batch 1, 1 thread)",
        "keras.call (batch 8, 1 thread)",
        "keras.call (batch 1, 2 threads)",
        "keras.call (batch 8, 2 threads)",
    ]


def test_each_row_has_processors_threads_and_batch_of_its_own() -> None:
    setups = [plan(row).setup(row) for row in (engine(threads=1), engine(batch=4, threads=2))]
    assert [(setup.batch, setup.threads, tuple(setup.cpus)) for setup in setups] == [
        (1, 1, choose_cpus(1)),
        (4, 2, choose_cpus(2)),
    ]
    # Those of fewer threads are among those of more, so that all rows share the same ones.
    assert set(choose_cpus(1)) <= set(choose_cpus(2))


def test_only_keras_runs_in_the_other_environment() -> None:
    assert plan(engine()).python(engine()) == Path("python")
    assert plan(engine()).python(engine("onnxruntime")) is None


def test_batches_cover_every_photo() -> None:
    assert [plan().batches(engine(batch=batch)) for batch in (1, 4, 16)] == [10, 3, 1]


@pytest.mark.parametrize(
    ("call_ms", "calls", "warm_up"),
    [(0.0, 48, 2), (8.0, 25, 2), (30.0, 6, 2), (60.0, 3, 1), (120.0, 2, 1), (9000.0, 2, 1)],
)
def test_turns_of_slow_engines_have_fewer_calls(call_ms: float, calls: int, warm_up: int) -> None:
    assert calls_in_turn(call_ms) == calls
    assert warm_up_in_turn(calls) == warm_up
