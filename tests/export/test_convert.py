"""Conversion and its small rewrites, on real Keras models and real ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx.errors import InputError
from tlx.export.convert import convert
from tlx.export.frameworks import import_keras
from tlx.export.graph import simplify
from tlx.export.keras_model import class_probabilities, load_keras_model

if TYPE_CHECKING:
    from tlx.core.runs import Run


def run_onnx(proto: Any, images: Any) -> Any:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images})[0]


def small_network(*, flatten: bool, units: int) -> Any:
    keras = import_keras()
    image = keras.Input((20, 24, 3), dtype="uint8", name="image")
    tensor = keras.layers.Rescaling(1 / 255)(image)
    tensor = keras.layers.Conv2D(4, 3, activation="relu")(tensor)
    tensor = keras.layers.Flatten()(tensor) if flatten else keras.layers.GlobalAveragePooling2D()(tensor)
    tensor = keras.layers.Dropout(0.5)(tensor)
    return keras.Model(image, keras.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")(tensor))


@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("units", [1, 2, 5])
def test_convert_keeps_the_function_for_any_batch(flatten: bool, units: int) -> None:
    model = small_network(flatten=flatten, units=units)
    proto = convert(model, (20, 24))
    for batch in (1, 3):
        images = np.random.default_rng(batch).integers(0, 256, (batch, 20, 24, 3), np.uint8)
        expected = class_probabilities(np.asarray(model(images, training=False)))
        got = run_onnx(proto, images)
        assert got.dtype == np.float32
        assert got.shape == (batch, max(units, 2))
        np.testing.assert_allclose(got, expected, atol=1e-6)
        np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)


def test_converted_vgg16_carries_nothing_that_it_does_not_need(tiny_run: Run) -> None:
    proto = convert(load_keras_model(tiny_run.model_path), (32, 32))
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("Conv") == 13
    assert operators.count("Transpose") == 1
    assert operators.count("Cast") == 1
    assert "Mul" not in operators  # pixels / 255 is part of the first kernel
    assert not {"Shape", "Gather", "Slice", "Reshape"} & set(operators)
    assert [entry.domain for entry in proto.opset_import] == [""]
    assert proto.opset_import[0].version == 17
    assert proto.ir_version == 8
    assert proto.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    assert [dimension.dim_param or dimension.dim_value for dimension in shape] == ["N", 32, 32, 3]


def test_convert_refuses_an_opset_that_is_out_of_reach() -> None:
    with pytest.raises(InputError, match="at most 18"):
        convert(None, (32, 32), opset=19)


def arithmetic_model(operator: str, constant: Any, *, constant_first: bool = False) -> Any:
    inputs = ["c", "image"] if constant_first else ["image", "c"]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["x"]), helper.make_node("Relu", ["x"], ["probabilities"])],
        "arithmetic",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.asarray(constant, np.float32), "c")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("operator", "constant", "constant_first", "nodes"),
    [
        ("Mul", 1.0, False, 1),
        ("Add", [0.0], False, 1),
        ("Sub", 0.0, False, 1),
        ("Div", 1.0, False, 1),
        ("Mul", 2.0, False, 2),
        ("Add", 1.0, False, 2),
        ("Add", [0.0, 0.0], False, 2),  # could broadcast: left alone
        ("Sub", 0.0, True, 2),  # 0 - x
        ("Div", 1.0, True, 2),  # 1 / x
    ],
)
def test_simplify_drops_only_arithmetic_that_does_nothing(
    operator: str, constant: Any, constant_first: bool, nodes: int
) -> None:
    proto = arithmetic_model(operator, constant, constant_first=constant_first)
    images = np.array([[-1.5, 2.0], [3.0, 0.5]], np.float32)
    before = run_onnx(proto, images)
    simplify(proto)
    onnx.checker.check_model(proto, full_check=True)
    assert len(proto.graph.node) == nodes
    assert len(proto.graph.initializer) == nodes - 1
    np.testing.assert_array_equal(run_onnx(proto, images), before)


def test_simplify_keeps_arithmetic_that_gives_the_output() -> None:
    proto = arithmetic_model("Mul", 1.0)
    del proto.graph.node[1]
    proto.graph.node[0].output[0] = "probabilities"
    simplify(proto)
    assert [node.op_type for node in proto.graph.node] == ["Mul"]


@pytest.mark.parametrize(
    ("target", "nodes"),
    [
        ([-1, 2, 3], ["Relu", "Relu"]),
        ([-1, 2, 3, 1], ["Relu", "Reshape", "Relu"]),
        ([-1, 3, 2], ["Relu", "Reshape", "Relu"]),
        ([1, 2, 3], ["Relu", "Reshape", "Relu"]),  # refuses a second picture
        ([2, -1, 3], ["Relu", "Reshape", "Relu"]),  # of two pictures, the same by chance
        ([0, 2, 3], ["Relu", "Reshape", "Relu"]),  # as the input has it, or none at all: left alone
    ],
)
def test_simplify_drops_reshapes_to_the_shape_that_is_there(target: list[int], nodes: list[str]) -> None:
    ends = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 2, 3]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None] * len(target)),
    ]
    middle = [helper.make_node(*each) for each in (("Relu", ["image"], ["x"]), ("Reshape", ["x", "shape"], ["y"]))]
    graph = helper.make_graph(
        [*middle, helper.make_node("Relu", ["y"], ["probabilities"])],
        "reshape",
        ends[:1],
        ends[1:],
        [numpy_helper.from_array(np.array(target, np.int64), "shape")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    images = np.arange(12 if target[0] != 1 else 6, dtype=np.float32).reshape(-1, 2, 3) - 2
    before = run_onnx(proto, images)
    simplify(proto)
    onnx.checker.check_model(proto, full_check=True)
    assert [node.op_type for node in proto.graph.node] == nodes
    np.testing.assert_array_equal(run_onnx(proto, images), before)
