"""Real model files that are small, fast, and right about colours."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import onnx


class ModelMaker(Protocol):
    """Builds the bytes of a real tiny model; see :func:`build_tiny_model`."""

    def __call__(
        self,
        *,
        labels: Sequence[str] = ...,
        size_hw: tuple[int, int] = ...,
        threshold: float = ...,
        change: Callable[[onnx.ModelProto], None] | None = ...,
        sealed: bool = ...,
    ) -> bytes: ...


def build_tiny_model(
    *,
    labels: Sequence[str] = ("red", "green", "blue"),
    size_hw: tuple[int, int] = (32, 32),
    threshold: float = 0.5,
    change: Callable[[onnx.ModelProto], None] | None = None,
    sealed: bool = True,
) -> bytes:
    """A model that names the colour that is strongest on average: softmax(mean(image) / 10).

    ``change`` may spoil it before it's sealed. With two labels the blue channel is left out.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from tlx.contract import CONTRACT_KEY, DIGEST_KEY, Contract, InputSpec
    from tlx.runtime.model_file import DIGEST_PLACEHOLDER, LABELS_KEY, seal

    weights = np.eye(3, len(labels), dtype=np.float32) / 10
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *size_hw, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(labels)])],
        [
            numpy_helper.from_array(np.array([1, 2], dtype=np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    contract = Contract(labels=list(labels), input=InputSpec(size_hw=size_hw), threshold=threshold)
    metadata = {
        CONTRACT_KEY: contract.to_json(),
        LABELS_KEY: json.dumps(list(labels)),
        DIGEST_KEY: DIGEST_PLACEHOLDER,
    }
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    if change is not None:
        change(model)
    content = model.SerializeToString()
    return seal(content) if sealed else content


def work_harder(model: onnx.ModelProto) -> None:
    """Convolutions beside the answer: enough work that ONNX Runtime starts threads and lets them spin."""
    from onnx import helper, numpy_helper

    graph = model.graph
    kernel = np.zeros((48, 3, 9, 9), np.float32)
    graph.initializer.append(numpy_helper.from_array(kernel, "kernel"))
    graph.initializer.append(numpy_helper.from_array(np.ones((3, 48, 9, 9), np.float32) * 0, "back"))
    graph.initializer.append(numpy_helper.from_array(np.array([2, 3], dtype=np.int64), "planes"))
    added = [
        helper.make_node("Transpose", ["pixels"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["wide"], pads=[4] * 4),
        helper.make_node("Conv", ["wide", "back"], ["narrow"], pads=[4] * 4),
        helper.make_node("ReduceMean", ["narrow", "planes"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["mean", "nothing"], ["sum"]),
    ]
    nodes = list(graph.node)
    nodes[2].input[0] = "sum"
    del graph.node[:]
    graph.node.extend([*nodes[:2], *added, *nodes[2:]])
