from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx.errors import InputError
from tlx.export.precision.half import to_fp16
from tlx.runtime.classifier import Classifier


@pytest.fixture(scope="module")
def half(network: Any) -> Any:
    return to_fp16(network)


def test_predictions_are_near_those_of_fp32(
    half: Any, network: Any, pictures_rgb: npt.NDArray[np.uint8], predict: Any
) -> None:
    expected, got = predict(network, pictures_rgb), predict(half, pictures_rgb)
    np.testing.assert_allclose(got, expected, atol=2e-3)
    assert np.abs(got - expected).max() > 0


def test_weights_are_halved_and_both_ends_kept(half: Any, network: Any) -> None:
    types = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert {types[f"{name}__fp16"] for name in ("w1", "b1", "w2", "b2", "w3", "b3", "w4")} == {TensorProto.FLOAT16}
    assert types["mean"] == types["b4"] == TensorProto.FLOAT  # pixels and logits are computed in fp32
    assert types["axes"] == TensorProto.INT64
    assert len(types) == len(network.graph.initializer)
    assert half.ByteSize() < 0.6 * network.ByteSize()
    for old, new in ((network.graph.input, half.graph.input), (network.graph.output, half.graph.output)):
        assert [end.SerializeToString() for end in new] == [end.SerializeToString() for end in old]


def test_the_file_stays_an_ordinary_onnx_file(half: Any, network: Any) -> None:
    assert {node.domain for node in half.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in half.opset_import] == [("", 17)]
    assert half.ir_version == 8
    onnx.checker.check_model(half, full_check=True)
    kinds = {
        info.name: info.type.tensor_type.elem_type for info in onnx.shape_inference.infer_shapes(half).graph.value_info
    }
    by_operator = {node.op_type: kinds.get(node.output[0]) for node in half.graph.node}
    assert by_operator["Conv"] == by_operator["MaxPool"] == by_operator["MatMul"] == TensorProto.FLOAT16
    assert by_operator["Sub"] == by_operator["Transpose"] == TensorProto.FLOAT
    assert sum(node.op_type == "Cast" for node in half.graph.node) == 3  # the pixels, into fp16, out of it
    assert all(not tensor.name.endswith("__fp16") for tensor in network.graph.initializer)


def test_a_published_file_loads_and_classifies(
    half: Any, seal_file: Any, pictures_rgb: npt.NDArray[np.uint8], predict: Any, tmp_path: Path
) -> None:
    (tmp_path / "fp16.onnx").write_bytes(seal_file(half))
    classifier = Classifier.load(tmp_path / "fp16.onnx", device="cpu")
    found = classifier.classify(pictures_rgb[0]).probabilities
    np.testing.assert_allclose(found, predict(half, pictures_rgb[:1])[0], atol=1e-5)


def test_a_weight_beyond_fp16_is_refused(network: Any) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(network)
    (bias,) = (tensor for tensor in large.graph.initializer if tensor.name == "b2")
    bias.CopyFrom(numpy_helper.from_array(np.full(16, -7e4, np.float32), "b2"))
    with pytest.raises(InputError, match=r"the weight b2 has the value 7e\+04, and fp16 ends at 65504"):
        to_fp16(large)


def test_what_body_and_end_share_has_both_types(predict: Any) -> None:
    """A weight, and a result of the body, that are used in the end as well; a cast and a Resize amid the body."""
    eye = np.eye(3, dtype=np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "hundred"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "eye"], ["a"]),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("Resize", ["b", "", "scales"], ["c"], mode="nearest"),
        helper.make_node("Add", ["c", "three"], ["d"]),
        helper.make_node("MatMul", ["d", "eye"], ["e"]),
        helper.make_node("Mul", ["e", "three"], ["f"]),
        helper.make_node("Add", ["f", "a"], ["g"]),
        helper.make_node("Softmax", ["g"], ["probabilities"], axis=1),
    ]
    constants = {
        "eye": eye,
        "hundred": np.float32(100),
        "three": np.array([3, 2, 1], np.float32),
        "scales": np.array([1, 1], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "shared",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    half = to_fp16(proto)
    np.testing.assert_allclose(predict(half, images), predict(proto, images), atol=2e-3)
    assert {tensor.name for tensor in half.graph.initializer} == {
        "eye__fp16",
        "hundred",
        "three",
        "three__fp16",
        "scales",
    }
