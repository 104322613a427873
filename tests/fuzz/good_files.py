"""Good model files to damage: small, and with the operators that exported classifiers are made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tlx.contract import CONTRACT_KEY, DIGEST_KEY, Contract, InputSpec, KnownAnswer, KnownAnswers
from tlx.runtime.model_file import DIGEST_PLACEHOLDER, LABELS_KEY, seal

LABELS = ["cats", "dogs"]
SIDE = 16


def write_good_files(folder: Path) -> list[Path]:
    """Write them."""
    paths = [folder / "float.onnx", folder / "quantized.onnx"]
    for path, quantized in zip(paths, (False, True), strict=True):
        path.write_bytes(convolutional_model(quantized=quantized))
    return paths


def convolutional_model(*, quantized: bool = False) -> bytes:
    """A sealed classifier of 16 x 16 pixels laid out like an exported VGG16, of one convolution."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    constants: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {
        "mean": np.array([124, 117, 104], np.float32),
        "kernel": random.normal(0, 0.05, (4, 3, 3, 3)).astype(np.float32),
        "bias": np.zeros(4, np.float32),
        "flat": np.array([-1, 4 * 64], np.int64),
        "dense": random.normal(0, 0.01, (4 * 64, 1)).astype(np.float32),
        "offset": np.zeros(1, np.float32),
        "one": np.array(1, np.float32),
    }
    node = helper.make_node
    front = [
        node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        node("Sub", ["pixels", "mean"], ["centred"]),
        node("Transpose", ["centred"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    taken, kernel = "planes", "kernel"
    if quantized:
        constants["kernel"] = random.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
        constants |= {
            "scale": np.array(1.0, np.float32),
            "zero": np.array(128, np.uint8),
            "scales": np.full(4, 1e-3, np.float32),
            "zeros": np.zeros(4, np.int8),
        }
        front += [
            node("QuantizeLinear", ["planes", "scale", "zero"], ["narrow"]),
            node("DequantizeLinear", ["narrow", "scale", "zero"], ["wide"]),
            node("DequantizeLinear", ["kernel", "scales", "zeros"], ["wide kernel"], axis=0),
        ]
        taken, kernel = "wide", "wide kernel"
    rest = [
        node("Conv", [taken, kernel, "bias"], ["features"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Relu", ["features"], ["positive"]),
        node("MaxPool", ["positive"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", ["pooled", "flat"], ["row"]),
        node("Gemm", ["row", "dense", "offset"], ["logit"]),
        node("Sigmoid", ["logit"], ["second"]),
        node("Sub", ["one", "second"], ["first"]),
        node("Concat", ["first", "second"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        front + rest,
        "classifier",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    answers = KnownAnswers(tolerance=1e-3, answers=[KnownAnswer(seed=0, probabilities=[0.5, 0.5])])
    contract = Contract(labels=LABELS, input=InputSpec(size_hw=(SIDE, SIDE)), known_answers=answers)
    metadata = {CONTRACT_KEY: contract.to_json(), LABELS_KEY: json.dumps(LABELS), DIGEST_KEY: DIGEST_PLACEHOLDER}
    helper.set_model_props(model, metadata)
    return seal(model.SerializeToString())
