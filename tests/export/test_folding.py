"""Foldings into convolutions, on small graphs: the same function with fewer nodes, or nothing done."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx.export.folding import fold
from tlx.export.graph import simplify

RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)


def graph(nodes: list[Any], constants: dict[str, Any], outputs: int = 1) -> Any:
    """From ``x`` (``[N, 3, 8, 8]``) to ``y``; ``w`` and ``b`` are a convolution's from 3 to 4 channels."""
    weights = {"w": RANDOM.normal(size=(4, 3, 3, 3)), "b": RANDOM.normal(size=4), **constants}
    tensors = [
        numpy_helper.from_array(value if value.dtype == np.int64 else value.astype(np.float32), name)
        for name, value in ((name, np.asarray(value)) for name, value in weights.items())
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{name}{axis}" for axis in range(4)])
        for name in ("y", "c")[:outputs]
    ]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])
    proto = helper.make_model(
        helper.make_graph(nodes, "g", [source], ends, tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(proto)
    return proto


def run(proto: Any) -> list[Any]:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": PICTURES}))


def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


CONV = node("Conv", "x w b", "c")
CONV_TO_Y = node("Conv", "p w b", "y")
CHANNELS = np.array([1.0, 2.0, -3.0, 0.5]).reshape(4, 1, 1)
PADS = np.array([0, 0, 1, 2, 0, 0, 3, 1], np.int64)
NORM = {"s": CHANNELS, "t": CHANNELS + 1, "m": CHANNELS / 2, "v": np.abs(CHANNELS)}
NORM = {name: value.reshape(-1) for name, value in NORM.items()}

FOLDED: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "scale": ([CONV, node("Mul", "c k", "y")], {"k": CHANNELS}),
    "scale with the batch's axis": ([CONV, node("Mul", "c k", "y")], {"k": CHANNELS[np.newaxis]}),
    "one scale for all": ([CONV, node("Mul", "c k", "y")], {"k": 3.0}),
    "shift": ([CONV, node("Add", "c k", "y")], {"k": CHANNELS}),
    "shift down": ([CONV, node("Sub", "c k", "y")], {"k": CHANNELS}),
    "no bias yet": ([node("Conv", "x w", "c"), node("Add", "c k", "y")], {"k": CHANNELS}),
    "scale and shift": (
        [CONV, node("Mul", "c k", "d"), node("Add", "d l", "y")],
        {"k": CHANNELS, "l": CHANNELS - 2},
    ),
    "batch normalisation": ([CONV, node("BatchNormalization", "c s t m v", "y", epsilon=1e-3)], NORM),
    "depthwise": (
        [node("Conv", "x dw", "c", group=3), node("Mul", "c k", "d"), node("Add", "d l", "y")],
        {"dw": RANDOM.normal(size=(3, 1, 3, 3)), "k": CHANNELS[:3], "l": CHANNELS[1:]},
    ),
    "zero padding": ([node("Pad", "x p4", "p"), CONV_TO_Y], {"p4": PADS}),
    "zero padding, on top": (
        [node("Pad", "x p4 zero", "p"), node("Conv", "p w b", "y", pads=[1, 1, 1, 1])],
        {"p4": PADS, "zero": 0.0},
    ),
    "zero padding before the change of the layout": (
        [
            node("Transpose", "x", "h", perm=[0, 2, 3, 1]),
            node("Pad", "h p5", "g"),
            node("Transpose", "g", "p", perm=[0, 3, 1, 2]),
            CONV_TO_Y,
        ],
        {"p5": np.array([0, 1, 2, 0, 0, 3, 1, 0], np.int64)},
    ),
    "zero padding before a maximum, above zero": (
        [node("Relu", "x", "r"), node("Pad", "r p4", "p"), node("MaxPool", "p", "y", kernel_shape=[4, 4])],
        {"p4": PADS},
    ),
    "flip": ([node("Gather", "x i", "p", axis=1), CONV_TO_Y], {"i": np.array([2, 1, 0])}),
    "flip of the last axis": (
        [
            node("Transpose", "x", "h", perm=[0, 2, 3, 1]),
            node("Gather", "h i", "f", axis=-1),
            node("Transpose", "f", "p", perm=[0, 3, 1, 2]),
            CONV_TO_Y,
        ],
        {"i": np.array([2, 1, 0])},
    ),
    "flip, then padding": (
        [node("Gather", "x i", "f", axis=1), node("Pad", "f p4", "p"), CONV_TO_Y],
        {"i": np.array([2, 1, 0]), "p4": PADS},
    ),
    "scale before": ([node("Mul", "x k", "p"), CONV_TO_Y], {"k": 1 / 255}),
    "division before": ([node("Div", "x k", "p"), CONV_TO_Y], {"k": 4.0}),
    "scale before padding": ([node("Mul", "x k", "h"), node("Pad", "h p4", "p"), CONV_TO_Y], {"k": -2.0, "p4": PADS}),
    "scale before the change of the layout": (
        [
            node("Transpose", "x", "h", perm=[0, 2, 3, 1]),
            node("Mul", "h k", "f"),
            node("Transpose", "f", "p", perm=[0, 3, 1, 2]),
            CONV_TO_Y,
        ],
        {"k": np.array([3.0])},
    ),
    "one scale before depthwise": (
        [node("Mul", "x k", "p"), node("Conv", "p dw", "y", group=3)],
        {"dw": RANDOM.normal(size=(3, 1, 3, 3)), "k": 3.0},
    ),
}

LEFT_ALONE: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "scale along the rows": ([CONV, node("Mul", "c k", "y")], {"k": np.arange(6.0).reshape(6, 1)}),
    "scale of pixels": ([CONV, node("Mul", "c k", "y")], {"k": np.ones((1, 4, 6, 6))}),
    "more channels by it": (
        [node("Conv", "x one", "c"), node("Mul", "c k", "y")],
        {"one": RANDOM.normal(size=(1, 3, 3, 3)), "k": CHANNELS},
    ),
    "the constant first": ([CONV, node("Sub", "k c", "y")], {"k": CHANNELS}),
    "two convolutions added": ([CONV, node("Conv", "x w b", "d"), node("Add", "c d", "y")], {}),
    "padding with ones": ([node("Pad", "x p4 one", "p"), CONV_TO_Y], {"p4": PADS, "one": 1.0}),
    "padding with edges": ([node("Pad", "x p4", "p", mode="edge"), CONV_TO_Y], {"p4": PADS}),
    "padding of channels": (
        [node("Pad", "x p4", "p"), node("Conv", "p wide", "y")],
        {"p4": np.array([0, 1, 0, 0, 0, 0, 0, 0], np.int64), "wide": RANDOM.normal(size=(4, 4, 3, 3))},
    ),
    "padding before a maximum, below zero": (
        [node("Pad", "x p4", "p"), node("MaxPool", "p", "y", kernel_shape=[4, 4])],
        {"p4": PADS},
    ),
    "cropping": ([node("Pad", "x p4", "p"), CONV_TO_Y], {"p4": -np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)}),
    "another order": ([node("Gather", "x i", "p", axis=1), CONV_TO_Y], {"i": np.array([1, 0, 2])}),
    "flip of rows": ([node("Gather", "x i", "p", axis=2), node("Conv", "p w b", "y")], {"i": np.array([2, 1, 0])}),
    "flip before depthwise": (
        [node("Gather", "x i", "p", axis=1), node("Conv", "p dw", "y", group=3)],
        {"i": np.array([2, 1, 0]), "dw": RANDOM.normal(size=(3, 1, 3, 3))},
    ),
    # It could be what makes three channels of one.
    "scale of channels before": ([node("Mul", "x k", "p"), CONV_TO_Y], {"k": CHANNELS[:3]}),
    "no scale at all before": ([node("Mul", "x k", "p"), CONV_TO_Y], {"k": 0.0}),
    "scale beyond float32 before": ([node("Div", "x k", "p"), CONV_TO_Y], {"k": 1e-45}),
    "scale before a maximum": (
        [node("Mul", "x k", "m"), node("MaxPool", "m", "p", kernel_shape=[2, 2]), CONV_TO_Y],
        {"k": -1.0},
    ),
    "scale before padding with ones": (
        [node("Mul", "x k", "h"), node("Pad", "h p4 one", "p"), CONV_TO_Y],
        {"k": 2.0, "p4": PADS, "one": 1.0},
    ),
}


@pytest.mark.parametrize("case", FOLDED)
def test_fold_keeps_the_function_with_fewer_nodes(case: str) -> None:
    nodes, constants = FOLDED[case]
    proto = graph(nodes, constants)
    before, count = run(proto), len(proto.graph.node)
    simplify(proto)
    onnx.checker.check_model(proto, full_check=True)
    left = [one.op_type for one in proto.graph.node]
    assert len(left) < count
    assert not {"Mul", "Add", "Sub", "BatchNormalization", "Pad", "Gather"} & set(left)
    np.testing.assert_allclose(run(proto)[0], before[0], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_fold_leaves_alone_what_a_convolution_cannot_do(case: str) -> None:
    proto = graph(*LEFT_ALONE[case])
    before = proto.SerializeToString()
    fold(proto)
    assert proto.SerializeToString() == before


def test_fold_leaves_a_result_alone_that_others_take() -> None:
    for nodes in ([CONV, node("Mul", "c k", "d"), node("Add", "d c", "y")], [CONV, node("Mul", "c k", "y")]):
        proto = graph(nodes, {"k": CHANNELS}, outputs=2 if len(nodes) == 2 else 1)
        before = proto.SerializeToString()
        fold(proto)
        assert proto.SerializeToString() == before


def test_fold_leaves_the_weights_of_another_convolution_as_they_are() -> None:
    nodes = [CONV, node("Mul", "c k", "d"), node("Conv", "x w b", "e"), node("Relu", "e", "f"), node("Add", "d f", "y")]
    proto = graph(nodes, {"k": CHANNELS})
    before = run(proto)[0]
    simplify(proto)
    assert [one.op_type for one in proto.graph.node] == ["Conv", "Conv", "Relu", "Add"]
    np.testing.assert_allclose(run(proto)[0], before, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("shift", [node("Add", "h l", "p"), node("Sub", "h l", "p")])
def test_fold_takes_a_scale_past_a_shift(shift: Any) -> None:
    """``pixels / 127.5 - 1``: the shift has to stay, as zeros are padded after it."""
    nodes = [node("Mul", "x k", "h"), shift, node("Conv", "p w b", "y", pads=[1, 1, 1, 1])]
    proto = graph(nodes, {"k": 1 / 127.5, "l": -1.0})
    before = run(proto)[0]
    simplify(proto)
    assert [one.op_type for one in proto.graph.node] == [shift.op_type, "Conv"]
    constant = next(tensor for tensor in proto.graph.initializer if tensor.name == proto.graph.node[0].input[1])
    np.testing.assert_allclose(numpy_helper.to_array(constant), -127.5, rtol=1e-6)
    np.testing.assert_allclose(run(proto)[0], before, rtol=1e-5, atol=2e-6)


def test_fold_keeps_a_scaled_result_that_others_take() -> None:
    nodes = [node("Mul", "x k", "p"), node("Conv", "p w b", "e"), node("Conv", "p w b", "f"), node("Mul", "e f", "y")]
    proto = graph(nodes, {"k": 3.0})
    before = proto.SerializeToString()
    fold(proto)
    assert proto.SerializeToString() == before
