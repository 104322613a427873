"""VGG16's convolutions out of ONNX files, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx.core.weights.chain import LAYER_SHAPES, LayerWeights, PretrainedWeights, load_weights
from tlx.errors import WeightsError


def _onnx_model(layers: dict[str, LayerWeights], first_kernel: str) -> onnx.ModelProto:
    """A convolution of 1x1 and then the layers, with names that say nothing."""
    one = LayerWeights(np.ones((1, 1, 3, 3), np.float32), np.ones(3, np.float32))
    nodes, constants = [], []
    for number, layer in enumerate([one, *layers.values()]):
        kernel = numpy_helper.from_array(layer.kernel.transpose(3, 2, 0, 1), f"k{99 - number}")
        if first_kernel == "node" and number == 1:
            nodes.append(helper.make_node("Constant", [], [kernel.name], value=kernel))
        else:
            constants.append(kernel)
        constants.append(numpy_helper.from_array(layer.bias, f"b{number}"))
        nodes.append(helper.make_node("Conv", [f"x{number}", kernel.name, f"b{number}"], [f"x{number + 1}"]))
    image = helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["N", 3, "H", "W"])
    output = helper.make_tensor_value_info(f"x{len(layers) + 1}", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(nodes, "g", [image], [output], constants))


@pytest.mark.parametrize("first_kernel", ["initializer", "node"])
def test_onnx_file_is_read(tmp_path: Path, random_weights: PretrainedWeights, first_kernel: str) -> None:
    model = _onnx_model(dict(random_weights.layers), first_kernel)
    (tmp_path / "my.onnx").write_bytes(model.SerializeToString())
    weights = load_weights(str(tmp_path / "my.onnx"))
    assert (weights.name, weights.sha256) == ("my.onnx", random_weights.sha256)


def _hollow_onnx() -> onnx.ModelProto:
    """All layers with the right shapes, without their numbers."""
    nodes, constants = [], []
    for number, shape in enumerate(LAYER_SHAPES.values()):
        nodes.append(helper.make_node("Conv", [f"x{number}", f"k{number}", f"b{number}"], [f"x{number + 1}"]))
        dims = {f"k{number}": [shape[3], shape[2], 3, 3], f"b{number}": [shape[3]]}
        constants += [TensorProto(name=name, dims=dim, data_type=TensorProto.FLOAT) for name, dim in dims.items()]
    return helper.make_model(helper.make_graph(nodes, "g", [], [], constants))


def _without_last_two(model: onnx.ModelProto) -> None:
    del model.graph.node[-2:]


def _wrong_kernel(model: onnx.ModelProto) -> None:
    model.graph.initializer[4].dims[1] = 32


def _without_biases(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        del node.input[2]


def _in_another_file(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")


def _exported_by_tlx(model: onnx.ModelProto) -> None:
    helper.set_model_props(model, {"tlx.contract": "{}"})


def _quantized(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        tensor.data_type = TensorProto.INT8


def _computed_kernels(model: onnx.ModelProto) -> None:
    del model.graph.initializer[:]


def _twice(model: onnx.ModelProto) -> None:
    model.graph.node.extend(list(model.graph.node))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _model: None, "a tensor in it is damaged"),
        (_without_last_two, "layer block5_conv2 is missing: expected VGG16's 13 convolutions, found 11"),
        (_wrong_kernel, r"layer block2_conv1: expected a kernel of 3x3x64x128, got 3x3x32x128 \(convolution 3\)"),
        (_without_biases, "layer block1_conv1: expected a bias of 64, got none"),
        (_in_another_file, "its weights lie in another file"),
        (_exported_by_tlx, "this is an export of tlx: name its run with --from"),
        (_quantized, "layer block1_conv1 is missing: .* found 0"),
        (_computed_kernels, "layer block1_conv1 is missing: .* found 0"),
        (_twice, "expected one VGG16, found several"),
    ],
)
def test_wrong_onnx_is_refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None], message: str) -> None:
    model = _hollow_onnx()
    change(model)
    (tmp_path / "wrong.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match=message):
        load_weights(str(tmp_path / "wrong.onnx"))
