"""The picture itself as the first layer's quantized input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx.export.precision.pixels import find_pixel_path
from tlx.export.precision.quantize import prepare, quantize_int8
from tlx.export.precision.ranges import observed_tensors
from tlx.export.precision.targets import TARGETS
from tlx.export.precision.thresholds import Range


def network(added: Sequence[float] | None, *, operator: str = "Add", offset_shape: tuple[int, ...] = ()) -> Any:
    """Pixels, a number added, a convolution, a ReLU, a mean and a dense layer."""
    random = np.random.default_rng(0)
    constants: dict[str, Any] = {
        "kernel": random.normal(0, 0.01, (4, 3, 3, 3)).astype(np.float32),
        "bias": random.normal(0, 1, 4).astype(np.float32),
        "dense": random.normal(0, 0.1, (4, 2)).astype(np.float32),
        "dense_bias": np.zeros(2, np.float32),
    }
    nodes = [helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT)]
    tensor = "floats"
    if added is not None:
        constants["offset"] = np.array(added, np.float32).reshape(offset_shape)
        nodes.append(helper.make_node(operator, [tensor, "offset"], ["centred"]))
        tensor = "centred"
    nodes += [
        helper.make_node("Transpose", [tensor], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel", "bias"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["active"]),
        helper.make_node("ReduceMean", ["active"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "dense", "dense_bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 16, 16, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def quantized(proto: Any, target: str = "vnni") -> Any:
    prepared = prepare(proto)
    ranges = {name: Range(-200.0, 200.0) for name in observed_tensors(prepared)}
    return quantize_int8(prepared, ranges, TARGETS[target])


def answers(proto: Any, pictures: Any) -> Any:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": pictures})[0]


def operators(proto: Any) -> list[str]:
    return [node.op_type for node in proto.graph.node]


@pytest.mark.parametrize(
    ("added", "shape", "operator", "zero"),
    [([-115], (), "Add", 115), ([115], (), "Sub", 115), ([-115] * 3, (3,), "Add", 115), (None, (), "Add", 0)],
)
def test_one_whole_number_becomes_the_zero_point(
    added: Sequence[float] | None, shape: tuple[int, ...], operator: str, zero: int
) -> None:
    result = quantized(network(added, operator=operator, offset_shape=shape))
    assert not {"Cast", "Add", "Sub"} & set(operators(result))
    first = next(node for node in result.graph.node if "planes" in node.input and node.op_type == "DequantizeLinear")
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.graph.initializer}
    step, found = (constants[name] for name in first.input[1:])
    assert (float(step), int(found), str(found.dtype)) == (1.0, zero, "uint8")


def test_the_answers_are_those_of_rounded_weights_alone() -> None:
    proto = network([-115])
    pictures = np.random.default_rng(1).integers(0, 256, (8, 16, 16, 3), np.uint8)
    plain, narrow = (
        ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"image": pictures}
        )[0]
        for model in (proto, quantized(proto))
    )
    np.testing.assert_allclose(narrow, plain, atol=0.05)


@pytest.mark.parametrize(
    ("added", "shape", "why"),
    [
        ([-123.68, -116.779, -103.939], (3,), "three numbers"),
        ([-115.5], (), "no whole number"),
        ([3.0], (), "below zero after nothing"),
        ([-300.0], (), "beyond eight bits"),
    ],
)
def test_what_a_zero_point_cannot_say_stays(added: Sequence[float], shape: tuple[int, ...], why: str) -> None:
    proto = network(added, offset_shape=shape)
    assert find_pixel_path(proto.graph) is None, why
    assert {"Cast", "Add", "QuantizeLinear"} <= set(operators(quantized(proto)))


def test_signed_activations_cannot_be_pixels() -> None:
    assert {"Cast", "Add", "QuantizeLinear"} <= set(operators(quantized(network([-115]), "arm64")))
