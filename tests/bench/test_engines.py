from __future__ import annotations

from pathlib import Path

import pytest

from tlx.bench.engines import (
    choose_engines,
    expected_name,
    find_devices,
    keras_engines,
    onnx_engines,
    spread,
)
from tlx.bench.plan import EngineSpec
from tlx.contract import Contract, InputSpec, Precision
from tlx.errors import InputError
from tlx.runtime.onnx_runtime import onnxruntime


def contract(precision: Precision) -> Contract:
    return Contract(labels=["cat", "dog"], input=InputSpec(size_hw=(8, 6)), threshold=0.3, precision=precision)


def keras() -> list[EngineSpec]:
    return keras_engines(Path("model.keras"), (8, 6), contract("fp32"))


def onnx(*models: tuple[str, Precision], devices: tuple[str, ...] = ("cpu",)) -> list[EngineSpec]:
    return onnx_engines([(Path(path), contract(precision)) for path, precision in models], devices)


def names(engines: list[EngineSpec]) -> list[str]:
    return [expected_name(engine) for engine in engines]


def test_keras_predict_is_the_first_engine() -> None:
    assert names(keras()) == [
        "keras.predict",
        "keras.call",
        "keras.tf_function",
        "keras.xla",
        "keras.mixed_bfloat16",
        "keras.mixed_float16",
    ]
    assert {engine.threshold for engine in keras()} == {0.3}
    assert [engine.precision for engine in keras()] == ["fp32"] * 4 + ["bf16", "fp16"]


def test_onnx_engines_are_named_by_provider_and_precision() -> None:
    engines = onnx(("a.onnx", "fp32"), ("b.onnx", "int8"), devices=("cpu", "gpu"))
    assert names(engines) == [
        "onnxruntime.cpu.fp32",
        "onnxruntime.cuda.fp32",
        "onnxruntime.cpu.int8",
        "onnxruntime.cuda.int8",
    ]
    # Nobody asked for the GPU: a file that it can't run is no failure.
    assert [engine.optional for engine in engines] == [False, True, False, True]


def test_onnx_engines_of_one_precision_are_told_apart_by_their_files() -> None:
    assert names(onnx(("a.onnx", "fp32"), ("x/b.onnx", "fp32"), ("y/b.onnx", "fp32"), ("c.onnx", "int8"))) == [
        "onnxruntime.cpu.fp32:a",
        "onnxruntime.cpu.fp32:b#2",
        "onnxruntime.cpu.fp32:b#3",
        "onnxruntime.cpu.int8",
    ]


def test_sixteen_bits_are_measured_where_the_processor_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlx.runtime.environment.processor_flags", lambda: ("avx512_bf16",))
    assert names(choose_engines(keras(), (), "cpu"))[4:] == ["keras.mixed_bfloat16"]
    monkeypatch.setattr("tlx.runtime.environment.processor_flags", lambda: ("avx2",))
    assert names(choose_engines(keras(), (), "cpu"))[4:] == []


def test_engines_that_are_named_are_taken_whatever_the_processor() -> None:
    everything = [*keras(), *onnx(("a.onnx", "fp32"))]
    chosen = choose_engines(everything, ("keras.mixed*", "onnxruntime.cpu.fp32"), "cpu")
    assert names(chosen) == ["keras.mixed_bfloat16", "keras.mixed_float16", "onnxruntime.cpu.fp32"]
    # What is asked for and fails is a failure.
    assert not any(engine.optional for engine in chosen)


def test_an_engine_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"--engine openvino: there is no such engine here, only onnxruntime\.cpu"):
        choose_engines(onnx(("a.onnx", "fp32")), ("openvino",), "cpu")


def test_rows_that_are_compared_stand_together() -> None:
    rows = spread(onnx(("a.onnx", "fp32"), ("b.onnx", "int8")), batches=(1, 8), threads=(2,))
    assert [(row.precision, *row.conditions) for row in rows] == [
        ("fp32", 1, 2),
        ("int8", 1, 2),
        ("fp32", 8, 2),
        ("int8", 8, 2),
    ]


def test_a_device_that_is_named_is_the_only_one() -> None:
    assert find_devices("openvino", ["CPUExecutionProvider"]) == (("openvino",), [])


def test_providers_that_are_installed_and_do_not_work_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # The driver sees no device, whatever machine this is.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    available = onnxruntime.get_available_providers()
    devices, notes = find_devices("auto", [*available, "OpenVINOExecutionProvider", "AzureExecutionProvider"])
    assert devices[0] == "cpu"
    assert "gpu" not in devices
    if "OpenVINOExecutionProvider" not in available:
        assert any(note.startswith("not measured: ") and "OpenVINOExecutionProvider" in note for note in notes)
    # Nothing of tlx runs on it.
    assert not any("Azure" in note for note in notes)
