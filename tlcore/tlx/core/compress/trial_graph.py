"""An ONNX file with the shapes of a network and random weights: what a width would cost, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tlx.core.compress.plain import PlainNetwork

_OPSET, _IR_VERSION = 17, 8
_STEP: Final = np.float32(0.05)
"""Any quantization step will do: the arithmetic takes as long whatever the numbers are."""


@dataclass(slots=True)
class _Graph:
    random: np.random.Generator
    int8: bool
    nodes: list[Any]
    constants: list[Any]

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def narrowed(self, tensor: str, zero_point: int = 0) -> str:
        """A tensor rounded to eight bits, and back."""
        if not self.int8:
            return tensor
        ends = [self.constant(f"{tensor}.step", _STEP), self.constant(f"{tensor}.zero", np.uint8(zero_point))]
        rounded = self.node("QuantizeLinear", [tensor, *ends], f"{tensor}.q")
        return self.node("DequantizeLinear", [rounded, *ends], f"{tensor}.dq")

    def picture(self, network: PlainNetwork) -> str:
        """What the first convolution takes, as export writes it."""
        from onnx import TensorProto

        tensor = "image"
        if self.int8 and network.has_one_offset:
            tensor = self.node("Transpose", [tensor], "planes", perm=[0, 3, 1, 2])
            ends = [self.constant("image.step", _STEP), self.constant("image.zero", np.uint8(115))]
            return self.node("DequantizeLinear", [tensor, *ends], "pixels")
        mean = np.float32(115) if network.has_one_offset else np.array([123.68, 116.779, 103.939], np.float32)
        floats = self.node("Cast", [tensor], "floats", to=TensorProto.FLOAT)
        tensor = self.node("Sub", [floats, self.constant("mean", mean)], "centred")
        return self.narrowed(self.node("Transpose", [tensor], "planes", perm=[0, 3, 1, 2]), 128)

    def weights(self, name: str, shape: tuple[int, ...], axis: int) -> str:
        if not self.int8:
            return self.constant(name, self.random.normal(0, 0.05, shape).astype(np.float32))
        steps = np.full(shape[axis], _STEP / 10, np.float32)
        return self.node(
            "DequantizeLinear",
            [
                self.constant(f"{name}.q", self.random.integers(-127, 128, shape, np.int8)),
                self.constant(f"{name}.step", steps),
                self.constant(f"{name}.zero", np.zeros(shape[axis], np.int8)),
            ],
            name,
            axis=axis,
        )

    def bias(self, name: str, count: int) -> str:
        if not self.int8:
            return self.constant(name, np.zeros(count, np.float32))
        return self.node(
            "DequantizeLinear",
            [
                self.constant(f"{name}.q", np.zeros(count, np.int32)),
                self.constant(f"{name}.step", np.full(count, _STEP * _STEP / 10, np.float32)),
                self.constant(f"{name}.zero", np.zeros(count, np.int32)),
            ],
            name,
            axis=0,
        )


def build_trial(network: PlainNetwork, channels: Sequence[int], *, int8: bool, seed: int = 0) -> bytes:
    """A model of the same shape with other numbers of channels, serialized.

    Args:
        network: Gives size, poolings and head.
        channels: Outputs of each convolution.
        int8: In the QDQ form of export's int8 files, or in fp32.
        seed: Of the weights.
    """
    from onnx import TensorProto, helper

    graph = _Graph(np.random.default_rng(seed), int8, [], [])
    tensor = graph.picture(network)
    inputs = network.convolutions[0].inputs
    for layer, outputs in zip(network.convolutions, channels, strict=True):
        taken = [
            tensor,
            graph.weights(f"{layer.name}.w", (outputs, inputs, *layer.kernel.shape[:2]), 0),
            graph.bias(f"{layer.name}.b", outputs),
        ]
        tensor = graph.node("Conv", taken, layer.name, auto_pad="SAME_UPPER", strides=[layer.stride, layer.stride])
        tensor = graph.narrowed(graph.node("Relu", [tensor], f"{layer.name}.relu"))
        if layer.pooled:
            tensor = graph.node("MaxPool", [tensor], f"{layer.name}.pool", kernel_shape=[2, 2], strides=[2, 2])
            tensor = graph.narrowed(tensor)
        inputs = outputs
    if network.pooling == "average":
        tensor = graph.narrowed(graph.node("GlobalAveragePool", [tensor], "pooling"))
    tensor = graph.node("Flatten", [tensor], "features")
    inputs *= network.features_a_channel
    for number, dense in enumerate(network.dense):
        outputs = dense.kernel.shape[1]
        name = f"dense{number}"
        taken = [tensor, graph.weights(f"{name}.w", (inputs, outputs), 1), graph.bias(f"{name}.b", outputs)]
        tensor = graph.node("Relu", [graph.node("Gemm", taken, name)], f"{name}.relu")
        tensor = graph.narrowed(tensor) if number < len(network.dense) - 1 else tensor
        inputs = outputs
    size: list[str | int | None] = ["N", *network.size_hw, 3]
    proto = helper.make_graph(
        graph.nodes,
        "trial",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, size)],
        [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["N", inputs])],
        graph.constants,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())
