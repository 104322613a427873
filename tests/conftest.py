"""Fixtures that every part of the tests shares, and the option that makes certain skips failures."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

if TYPE_CHECKING:
    import onnx
    from tests.browser import Browser
    from tests.display import Display

    from tlx.core.runs import Run
    from tlx.core.weights.chain import PretrainedWeights

# Also for tests that run ONNX Runtime without tlx: none of them reports to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

SHARED_PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "cats_dogs"
# Tests that take one of these need what the marker names, marked or not.
MARKER_OF_FIXTURE = {"photos_dir": "photos", "browser": "browser", "display": "display"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--must-run",
        default="",
        metavar="MARKERS",
        help="comma-separated markers whose tests fail when they are skipped, as in photos,weights",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        named = {MARKER_OF_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in MARKER_OF_FIXTURE}
        named |= {marker.name for marker in item.iter_markers()}
        required = sorted(named & set(item.config.getoption("--must-run").split(",")))
        if required:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            report.outcome = "failed"
            report.longrepr = f"skipped, but {required[0]!r} tests must run here: {reason.removeprefix('Skipped: ')}"
    return report


@pytest.fixture(scope="module", autouse=True)
def _no_leftover_networks() -> None:
    """Keras keeps what its models were traced into; a hundred networks of the tests would fill the memory.

    Before each module rather than after it: while a test is torn down, pytest still holds what it was given.
    """
    if keras := sys.modules.get("keras"):
        keras.utils.clear_session(free_memory=False)
    gc.collect()
    # What is left are imported packages: with TensorFlow's half a million objects each collection would take seconds.
    gc.freeze()


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """The real photos: ``{train,validation}/{cats,dogs}/*.jpg``."""
    if not SHARED_PHOTOS.is_dir():
        pytest.skip(f"the real photos are not here ({SHARED_PHOTOS.name} beside the checkout is absent)")
    return SHARED_PHOTOS


@pytest.fixture(scope="session")
def imagenet_weights() -> PretrainedWeights:
    """VGG16's ImageNet weights, fetched once into the user's cache. For tests marked ``weights``."""
    from tlx.core.weights.chain import load_weights
    from tlx.errors import WeightsError

    try:
        return load_weights("imagenet")
    except WeightsError as error:
        pytest.skip(str(error))


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


@pytest.fixture(scope="session")
def make_model() -> ModelMaker:
    """Builds other models than :func:`tiny_model`."""
    return build_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model file with the labels red, green and blue for pictures of 32 x 32 pixels."""
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(build_tiny_model())
    return path


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


@pytest.fixture(scope="session")
def busy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As :func:`tiny_model`, for 96 x 96 pixels, and many times slower."""
    path = tmp_path_factory.mktemp("models") / "busy.onnx"
    path.write_bytes(build_tiny_model(change=work_harder, size_hw=(96, 96)))
    return path


class PhotoMaker(Protocol):
    """Writes real photos; see :func:`write_colour_photos`."""

    def __call__(self, folder: Path, counts: dict[str, int], *, seed: int = ...) -> None: ...


def write_colour_photos(folder: Path, counts: dict[str, int], *, seed: int = 0) -> None:
    """Noisy JPEG photos, ``folder/<colour>/<n>.jpg``, of the colours that name their classes."""
    from PIL import Image

    colours = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
    random = np.random.default_rng(seed)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise = random.normal(0, 30, (48, 64, 3))
            pixels = np.clip(np.array(colours[label]) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.jpg", quality=90)


@pytest.fixture(scope="session")
def make_photos() -> PhotoMaker:
    """Writes noisy photos of plain colours."""
    return write_colour_photos


@pytest.fixture(scope="session")
def colour_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two classes with explicit splits: 12 + 12 for training, 6 + 6 for validation."""
    folder = tmp_path_factory.mktemp("photos")
    write_colour_photos(folder / "train", {"blue": 12, "red": 12}, seed=1)
    write_colour_photos(folder / "validation", {"blue": 6, "red": 6}, seed=2)
    return folder


@pytest.fixture(scope="session")
def tiny_run(colour_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of the whole training on :func:`colour_photos`, with random weights at 32 x 32 pixels."""
    from tlx.core.recipes.presets import find_preset
    from tlx.core.training.train import TrainOptions, train

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(cache))
        # Random weights on pixels up to 255 would give probabilities of exactly 0 and 1, which hide differences.
        recipe = replace(find_preset("features"), preprocessing="rescale").changed(epochs=5, size=32)
        options = TrainOptions(recipe, weights="none", runs_root=tmp_path_factory.mktemp("runs"))
        return train(colour_photos, options)


@pytest.fixture(scope="session")
def narrow_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two classes with explicit splits: 40 + 40 for training, 12 + 12 for validation."""
    folder = tmp_path_factory.mktemp("narrow_photos")
    write_colour_photos(folder / "train", {"blue": 40, "red": 40}, seed=3)
    write_colour_photos(folder / "validation", {"blue": 12, "red": 12}, seed=4)
    return folder


@pytest.fixture(scope="session")
def narrow_run(tiny_run: Run, narrow_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a network of VGG16's shape with few channels, which tells :func:`narrow_photos` apart."""
    from tests.core.narrow_networks import write_narrow_run

    return write_narrow_run(tmp_path_factory.mktemp("runs") / "narrow", tiny_run, narrow_photos)


class Keras2Writer(Protocol):
    """Writes a Keras model as Keras 2.0.8 did; see :func:`write_keras_2_file`."""

    def __call__(self, model: Any, path: Path, *, suffix: str = ...) -> Path: ...


def write_keras_2_file(model: Any, path: Path, *, suffix: str = "") -> Path:
    """Write a Sequential, or a functional model, in the layout of Keras 2.0.8, with a compiled model's leftovers.

    ``suffix`` is what TensorFlow 1 added to the names of a second network's weights: ``_1``.
    """
    import h5py

    sequential = model.__class__.__name__ == "Sequential"
    layers = _keras_2_layers(model) if sequential else _keras_2_functional(model)
    config = {"class_name": "Sequential" if sequential else "Model", "config": layers}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.0.8"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        optimizer = {"class_name": "RMSprop", "config": {"lr": 1e-5, "rho": 0.9, "decay": 0.0, "epsilon": 1e-8}}
        training = {"optimizer_config": optimizer, "loss": "binary_crossentropy", "metrics": ["acc"]}
        file.attrs["training_config"] = json.dumps(training).encode()
        file.create_dataset("optimizer_weights/training/RMSprop/Variable:0", data=np.ones((3, 3), np.float32))
        file["optimizer_weights"].attrs["weight_names"] = [b"training/RMSprop/Variable:0"]
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.0.8"
        for layer in model.layers:
            leaves = layer.layers if hasattr(layer, "layers") else [layer]
            weights = [(leaf, weight) for leaf in leaves for weight in leaf.trainable_weights]
            weights += [(leaf, weight) for leaf in leaves for weight in leaf.non_trainable_weights]
            names = [f"{leaf.name}{suffix}/{weight.name}:0".encode() for leaf, weight in weights]
            group.create_group(layer.name).attrs["weight_names"] = names
            for name, (_, weight) in zip(names, weights, strict=True):
                group[layer.name].create_dataset(name, data=np.asarray(weight))
    return path


def _keras_2_layers(model: Any) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    for place, layer in enumerate(model.layers):
        if hasattr(layer, "layers"):
            layers.append({"class_name": "Model", "config": _keras_2_functional(layer)})
            continue
        layers.append({"class_name": layer.__class__.__name__, "config": _keras_2_layer(layer)})
        if place == 0:
            layers[0]["config"] |= {"batch_input_shape": list(model.input_shape), "dtype": "float32"}
    return layers


def _keras_2_functional(model: Any) -> dict[str, Any]:
    """A chain of layers; what comes from a model within it is at that model's node 1, as 0 is its own."""
    layers: list[dict[str, Any]] = []
    for layer in model.layers:
        nested = hasattr(layer, "layers")
        described = {"name": layer.name, "class_name": "Model" if nested else layer.__class__.__name__}
        described["config"] = _keras_2_functional(layer) if nested else _keras_2_layer(layer)
        before = layers[-1] if layers else None
        node = [[before["name"], int(before["class_name"] == "Model"), 0, {}]] if before else None
        layers.append({**described, "inbound_nodes": [node] if node else []})
    ends = ([[layers[0]["name"], 0, 0]], [[layers[-1]["name"], 0, 0]])
    return {"name": model.name, "layers": layers, "input_layers": ends[0], "output_layers": ends[1]}


def _keras_2_layer(layer: Any) -> dict[str, Any]:
    config = layer.get_config()
    if "batch_shape" in config:
        shape = list(config["batch_shape"])
        return {"batch_input_shape": shape, "dtype": "float32", "sparse": False, "name": layer.name}
    for key in ("dtype", "groups", "seed", "noise_shape", "quantization_config", "renorm", "synchronized"):
        config.pop(key, None)
    spread = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    for key in config:
        if key == "kernel_initializer":
            config[key] = {"class_name": "VarianceScaling", "config": spread}
        elif key == "bias_initializer":
            config[key] = {"class_name": "Zeros", "config": {}}
        elif key == "kernel_regularizer":
            config[key] = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 1e-4}}
    if layer.__class__.__name__ == "Flatten":
        del config["data_format"]
    return dict(config)


@pytest.fixture(scope="session")
def write_keras_2() -> Keras2Writer:
    """Writes a Keras model in the layout of Keras 2.0.8."""
    return write_keras_2_file


class VideoWriter(Protocol):
    """Writes a video of plain frames, 64 x 48 pixels, 10 a second."""

    def __call__(self, path: Path, colours_rgb: Sequence[tuple[int, int, int]], codec: str = ...) -> Path: ...


@pytest.fixture(scope="session")
def write_video() -> VideoWriter:
    """Writes a real video."""
    from tlx.opencv import cv2

    def write(path: Path, colours_rgb: Sequence[tuple[int, int, int]], codec: str = "MJPG") -> Path:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
        assert writer.isOpened()
        for colour in colours_rgb:
            writer.write(np.full((48, 64, 3), colour[::-1], np.uint8))
        writer.release()
        return path

    return write


class PhotoWriter(Protocol):
    """Writes a plain photo of 60 x 40 pixels; the suffix names the format."""

    def __call__(self, path: Path, colour_rgb: tuple[int, int, int] = ...) -> Path: ...


@pytest.fixture(scope="session")
def write_photo() -> PhotoWriter:
    """Writes one real photo."""
    from tlx.opencv import cv2

    def write(path: Path, colour_rgb: tuple[int, int, int] = (255, 0, 0)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((40, 60, 3), colour_rgb[::-1], np.uint8))
        return path

    return write


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    program = next(found, None)
    if program is None:
        pytest.skip("no browser is here (neither chromium nor google-chrome is on the path)")
    from tests.browser import Browser

    one = Browser(program, tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="session")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    """A display that nobody sees."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("no display is here (Xvfb and xdotool aren't on the path)")
    from tests.display import Display

    one = Display(tmp_path_factory.mktemp("display"))
    yield one
    one.close()
