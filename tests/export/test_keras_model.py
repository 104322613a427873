"""Keras files built anew: the same function as Keras's own loader gives, and the layouts that it can't load."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from tlx.errors import InputError, ModelFileError
from tlx.export.frameworks import import_keras
from tlx.export.keras_model import Described, build_keras_model, describe_keras_file, load_keras_model
from tlx.export.keras_model import require_probabilities as require

if TYPE_CHECKING:
    from tests.keras_2_files import Keras2Writer

PICTURES = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3)).astype(np.float32)


def shuffled(model: Any) -> Any:
    """All weights different, also batch normalisation's, so that no two can be taken for each other."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.uniform(0.05, 0.2, weight.shape))
    return model


def convnet() -> Any:
    """Like the book's cats_and_dogs_small_1.h5."""
    keras = import_keras()
    layers = keras.layers
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(4, 3), layers.Flatten()]
    parts += [layers.Dropout(0.5), layers.Dense(4, activation="relu"), layers.Dense(1, activation="sigmoid")]
    return shuffled(keras.Sequential([keras.Input((32, 32, 3)), *parts]))


def small_base(name: str = "vgg16") -> Any:
    """Like VGG16: blocks of convolutions, those of the same shape next to each other."""
    keras = import_keras()
    tensor = image = keras.Input((32, 32, 3), name="input_1")
    for layer in ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2"):
        tensor = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name=layer)(tensor)
    tensor = keras.layers.MaxPooling2D(4, name="block2_pool")(tensor)
    base = keras.Model(image, tensor, name=name)
    for layer in base.layers:
        layer.trainable = layer.name.startswith("block2")
    return base


def finetuned() -> Any:
    """Like the book's cats_and_dogs_small_4.h5: a base whose last block trained, a flatten head, a sigmoid."""
    keras = import_keras()
    head = [keras.layers.Flatten(), keras.layers.Dense(4, activation="relu")]
    return shuffled(keras.Sequential([small_base(), *head, keras.layers.Dense(1, activation="sigmoid")]))


def functional() -> Any:
    """As tutorials write it today: augmentation, arithmetic, a base within, batch normalisation, a pooled head."""
    keras = import_keras()
    layers = keras.layers
    image = keras.Input((32, 32, 3))
    tensor = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])(image)
    tensor = small_base("base")(tensor / 127.5 - 1, training=False)
    tensor = layers.BatchNormalization()(tensor)
    tensor = layers.Add()([tensor, layers.Conv2D(4, 1, activation=layers.LeakyReLU(0.2))(tensor)])
    tensor = layers.GlobalAveragePooling2D()(layers.Activation("swish")(tensor))
    return shuffled(keras.Model(image, layers.Dense(3, activation="softmax")(tensor)))


def said(model: Any) -> Any:
    return np.asarray(model.predict_on_batch(PICTURES))


@pytest.mark.parametrize("make", [convnet, finetuned, functional])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_build_gives_the_same_function_as_the_model_that_was_saved(
    make: Callable[[], Any], suffix: str, tmp_path: Path
) -> None:
    model = make()
    model.compile(optimizer="rmsprop", loss="mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras would rather have no .h5
        model.save(tmp_path / f"model{suffix}")
    np.testing.assert_allclose(said(build_keras_model(tmp_path / f"model{suffix}")), said(model), atol=1e-7)


@pytest.mark.parametrize("name_suffix", ["", "_1"])
@pytest.mark.parametrize("make", [convnet, finetuned])
def test_build_reads_the_layout_of_keras_2_0_8(
    make: Callable[[], Any], name_suffix: str, tmp_path: Path, write_keras_2: Keras2Writer
) -> None:
    model = make()
    path = write_keras_2(model, tmp_path / "cats_and_dogs_small.h5", suffix=name_suffix)
    assert describe_keras_file(path) == Described([None, 32, 32, 3], "sigmoid")
    np.testing.assert_allclose(said(build_keras_model(path)), said(model), atol=1e-7)


def test_keras_itself_cannot_load_that_layout(tmp_path: Path, write_keras_2: Keras2Writer) -> None:
    """Else the module that mends it could go."""
    path = write_keras_2(finetuned(), tmp_path / "model.h5")
    with pytest.raises((TypeError, ValueError, AttributeError, KeyError)):
        import_keras().models.load_model(path, compile=False)


def test_build_reads_a_model_within_a_functional_model_of_keras_2_0_8(
    tmp_path: Path, write_keras_2: Keras2Writer
) -> None:
    keras = import_keras()
    image = keras.Input((32, 32, 3))
    tensor = keras.layers.GlobalAveragePooling2D()(small_base()(image))
    model = shuffled(keras.Model(image, keras.layers.Dense(2, activation="softmax")(tensor)))
    path = write_keras_2(model, tmp_path / "model.h5")
    np.testing.assert_allclose(said(build_keras_model(path)), said(model), atol=1e-7)


def test_batch_normalisation_and_leaky_relu_are_read_as_keras_2_wrote_them(
    tmp_path: Path, write_keras_2: Keras2Writer
) -> None:
    keras = import_keras()
    layers = keras.layers
    parts = [layers.DepthwiseConv2D(3), layers.BatchNormalization(), layers.LeakyReLU(0.2), layers.Flatten()]
    model = shuffled(keras.Sequential([keras.Input((32, 32, 3)), *parts, layers.Dense(2, activation="softmax")]))
    path = write_keras_2(model, tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        depthwise, normalisation, leaky = (layer["config"] for layer in config["config"][:3])
        depthwise["groups"] = 1
        normalisation["axis"] = [3]
        leaky["alpha"] = {"type": "ndarray", "value": leaky.pop("negative_slope")}
        file.attrs["model_config"] = json.dumps(config).encode()
    np.testing.assert_allclose(said(build_keras_model(path)), said(model), atol=1e-7)


def test_names_decide_where_the_flags_of_the_layers_are_lost(tmp_path: Path, write_keras_2: Keras2Writer) -> None:
    model = finetuned()
    path = write_keras_2(model, tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"][0]["config"]["layers"]:
            layer["config"]["trainable"] = True
        file.attrs["model_config"] = json.dumps(config).encode()
    np.testing.assert_allclose(said(build_keras_model(path)), said(model), atol=1e-7)


def test_a_model_of_16_bits_is_built_in_32(tmp_path: Path) -> None:
    keras = import_keras()
    layers = [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3, dtype="mixed_bfloat16"), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(2, activation="softmax", dtype="mixed_bfloat16")])
    model.save(tmp_path / "model.keras")
    built = build_keras_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in built.layers} == {"float32"}
    assert load_keras_model(tmp_path / "model.keras").layers[0].compute_dtype == "bfloat16"


def save_changed(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A real .keras file whose configuration was changed."""
    keras = import_keras()
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.save(tmp_path / "real.keras")
    with (
        zipfile.ZipFile(tmp_path / "real.keras") as real,
        zipfile.ZipFile(tmp_path / "changed.keras", "w") as changed,
    ):
        for name in real.namelist():
            content = real.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            changed.writestr(name, content)
    return tmp_path / "changed.keras"


def set_in(place: int, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        config["config"]["layers"][place]["config"][key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in(2, "units", 10**9), "its layers take 193,000,000,000 weights, an ONNX file holds"),
        (set_in(2, "units", 3), "its layers take 579 weights, the file holds 386"),
        (set_in(2, "units", 10**40), "weights, an ONNX file holds"),
        (set_in(2, "units", -2), "not a Keras model that can be loaded"),
        (set_in(2, "units", "2"), "not a Keras model that can be loaded"),
        (set_in(0, "batch_shape", [None, 100_000, 100_000, 3]), "weights, an ONNX file holds"),
        (set_in(2, "name", 7), "can be loaded"),
        (lambda config: config.update(config=[]), "lists no layers"),
    ],
)
@pytest.mark.parametrize("load", [build_keras_model, load_keras_model])
def test_absurd_sizes_are_refused_before_memory_is_taken_for_them(
    change: Callable[[dict[str, Any]], None], message: str, load: Callable[[Path], Any], tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=message):
        load(save_changed(tmp_path, change))


def test_absurd_results_are_refused_before_they_are_computed(tmp_path: Path) -> None:
    def grow(config: dict[str, Any]) -> None:
        layers = config["config"]["layers"]
        sized = {"module": "keras.layers", "class_name": "UpSampling2D", "config": {"size": 10**5, "name": "up"}}
        pooled = {"module": "keras.layers", "class_name": "MaxPooling2D", "config": {"pool_size": 10**5, "name": "p"}}
        config["config"]["layers"] = [layers[0], sized, pooled, *layers[1:]]

    with pytest.raises(ModelFileError, match="one of its layers gives 1,920,000,000,000 numbers"):
        build_keras_model(save_changed(tmp_path, grow))


def test_a_file_whose_weights_are_another_model_s_is_refused(tmp_path: Path, write_keras_2: Keras2Writer) -> None:
    model = convnet()
    path = write_keras_2(model, tmp_path / "model.h5")
    layer = model.layers[0].name
    with h5py.File(path, "r+") as file:
        kernel = file[f"model_weights/{layer}/{layer}/kernel:0"][()]
        del file[f"model_weights/{layer}/{layer}/kernel:0"]
        file[f"model_weights/{layer}/{layer}/kernel:0"] = np.moveaxis(kernel, 3, 0)
    with pytest.raises(ModelFileError, match=r"its kernel has the shape \[3, 3, 3, 4\], the file holds \[4, 3, 3, 3\]"):
        build_keras_model(path)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ([[0.2, 0.8], [np.nan, 0.1]], "not numbers"),
        ([[-1.5, 2.5]], r"raw scores \(logits\).*Softmax"),
        ([[0.3, 1.7]], r"raw scores \(logits\)"),
        ([[0.9, 0.8]], "don't add up to 1"),
        ([[0.1, 0.2]], "don't add up to 1"),
    ],
)
def test_what_is_no_probability_is_refused(output: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        require(np.array(output, np.float32), Path("model.keras"))


def test_probabilities_pass() -> None:
    require(np.array([[0, 1], [0.3, 0.7]], np.float32), Path("model.keras"))
