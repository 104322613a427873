from __future__ import annotations

from pathlib import Path

import pytest

from tlx.bench.plan import Placement, Plan, Workload, keras_engines, onnx_engines
from tlx.bench.sampling import may_start_round
from tlx.contract import Contract, InputSpec, Precision


def contract(precision: Precision) -> Contract:
    return Contract(labels=["cat", "dog"], input=InputSpec(size_hw=(8, 6)), threshold=0.3, precision=precision)


def names(*models: tuple[str, Precision]) -> list[str]:
    return [engine.name("cpu") for engine in onnx_engines([(Path(path), contract(p)) for path, p in models])]


def test_keras_predict_is_the_first_engine() -> None:
    engines = keras_engines(Path("model.keras"), (8, 6), contract("fp32"))
    assert [engine.name("cpu") for engine in engines] == ["keras.predict", "keras.call", "keras.tf_function"]
    assert {engine.threshold for engine in engines} == {0.3}


def test_onnx_engines_are_named_by_provider_and_precision() -> None:
    assert names(("a.onnx", "fp32"), ("b.onnx", "int8")) == ["onnxruntime.cpu.fp32", "onnxruntime.cpu.int8"]


def test_onnx_engines_of_one_precision_are_told_apart_by_their_files() -> None:
    assert names(("a.onnx", "fp32"), ("x/b.onnx", "fp32"), ("y/b.onnx", "fp32"), ("c.onnx", "int8")) == [
        "onnxruntime.cpu.fp32:a",
        "onnxruntime.cpu.fp32:b#2",
        "onnxruntime.cpu.fp32:b#3",
        "onnxruntime.cpu.int8",
    ]


def plan(rounds: int, max_seconds: float) -> Plan:
    return Plan((), Workload((), 1, 2, 1), Placement("cpu", 1, ()), rounds, max_seconds)


@pytest.mark.parametrize(
    ("done", "elapsed_s", "longest_s", "starts"),
    [
        # The first round always runs, however long the engines took to load.
        (0, 99.0, 0.0, True),
        (1, 5.0, 1.0, True),
        # It would end after the bound.
        (1, 9.5, 1.0, False),
        (3, 0.1, 0.1, False),
    ],
)
def test_may_start_round_keeps_both_bounds(done: int, elapsed_s: float, longest_s: float, *, starts: bool) -> None:
    assert may_start_round(done, elapsed_s, longest_s, plan(rounds=3, max_seconds=10.0)) is starts
