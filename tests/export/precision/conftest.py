"""A small real convolutional network, and photos to calibrate it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from tlx import images
from tlx.contract import Contract, InputSpec
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos
from tlx.export.publish import sealed_bytes

SIZE_HW = (32, 32)
CHANNELS = 16


class NetworkMaker(Protocol):
    """Builds a network; see :func:`build_network`."""

    def __call__(self, *, opset: int = ..., batch_norm: bool = ..., last_bias: float = ...) -> Any: ...


def build_network(*, opset: int = 17, batch_norm: bool = False, last_bias: float = 0.0) -> Any:
    """What an exported network looks like: pixels minus mean, two convolutions, pooling, two dense layers, softmax."""
    random = np.random.default_rng(0)

    def weight(name: str, *shape: int, scale: float = 1.0) -> Any:
        fan_in = float(np.prod(shape[1:])) if len(shape) > 2 else shape[0]
        return numpy_helper.from_array(random.normal(0, scale * np.sqrt(2 / fan_in), shape).astype(np.float32), name)

    constants = [
        numpy_helper.from_array(np.array([123.7, 116.8, 103.9], np.float32), "mean"),
        weight("w1", CHANNELS, 3, 3, 3),
        weight("b1", CHANNELS, scale=10),
        weight("w2", CHANNELS, CHANNELS, 3, 3),
        weight("b2", CHANNELS, scale=10),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        weight("w3", CHANNELS, CHANNELS),
        weight("b3", CHANNELS),
        weight("w4", CHANNELS, 3, scale=0.05),
        numpy_helper.from_array(np.array([last_bias, 0, 0], np.float32), "b4"),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "mean"], ["centred"], "sub"),
        helper.make_node("Transpose", ["centred"], ["nchw"], "transpose", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1n" if batch_norm else "c1"], ["r1"], "relu1"),
        helper.make_node("MaxPool", ["r1"], ["p1"], "pool1", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["mean4"], "gap"),
        helper.make_node("Squeeze", ["mean4", "axes"], ["mean2"], "squeeze"),
        helper.make_node("MatMul", ["mean2", "w3"], ["m3"], "dense1"),
        helper.make_node("Add", ["m3", "b3"], ["d3"], "bias1"),
        helper.make_node("Relu", ["d3"], ["r3"], "relu3"),
        helper.make_node("MatMul", ["r3", "w4"], ["m4"], "dense2"),
        helper.make_node("Add", ["m4", "b4"], ["logits"], "bias2"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    if batch_norm:
        values = {"gamma": (0.5, 2), "beta": (-1, 1), "moving_mean": (-5, 5), "moving_variance": (0.5, 2)}
        for name, (low, high) in values.items():
            constants.append(numpy_helper.from_array(random.uniform(low, high, CHANNELS).astype(np.float32), name))
        nodes.insert(4, helper.make_node("BatchNormalization", ["c1", *values], ["c1n"], "norm"))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *SIZE_HW, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        constants,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(proto, full_check=True)
    return proto


@pytest.fixture(scope="session")
def make_network() -> NetworkMaker:
    """Builds other networks than :func:`network`."""
    return build_network


@pytest.fixture(scope="session")
def network() -> Any:
    """A small fp32 network with random weights, 32 x 32 pixels, three classes. Tests don't change it."""
    return build_network()


@pytest.fixture(scope="session")
def photo_files(make_photos: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """30 real JPEG files of three colours: enough values for the percentile to cut some off."""
    folder = tmp_path_factory.mktemp("calibration")
    make_photos(folder, {"red": 10, "green": 10, "blue": 10})
    return sorted(folder.rglob("*.jpg"))


@pytest.fixture(scope="session")
def pictures_rgb(photo_files: list[Path]) -> npt.NDArray[np.uint8]:
    """The same photos as a network's input."""
    return np.stack([images.load(file, SIZE_HW) for file in photo_files])


@pytest.fixture(scope="session")
def calibration(network: Any, photo_files: list[Path]) -> Calibration:
    """Of the network, on the photos."""
    return Calibration(network, CalibrationPhotos(photo_files, SIZE_HW, "area", "colours"))


class Runner(Protocol):
    """Runs a network; see :func:`predict`."""

    def __call__(self, proto: Any, images_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


@pytest.fixture(scope="session")
def predict() -> Runner:
    """The probabilities that a network gives in ONNX Runtime."""

    def run(proto: Any, images_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        return np.asarray(session.run(["probabilities"], {"image": images_rgb})[0], np.float32)

    return run


@pytest.fixture(scope="session")
def seal_file() -> Any:
    """The bytes of a network as tlx publishes it."""

    def seal(proto: Any) -> bytes:
        contract = Contract(labels=["red", "green", "blue"], input=InputSpec(size_hw=SIZE_HW))
        return sealed_bytes(proto, contract)

    return seal
