"""VGG16's convolutions out of files of Keras 1, 2 and 3, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tlx.core.weights.chain import LAYER_SHAPES, LayerWeights, PretrainedWeights, load_weights
from tlx.core.weights.hdf5_file import read_hdf5
from tlx.errors import WeightsError

# The whole models hold an optimizer's state, with kernels of its own for block 5.
MAKE_KERAS_FILES = """
import sys
from pathlib import Path
import h5py, keras
from keras.src.legacy.saving import legacy_h5_format
from tlx.core.backbone import build_trunk
from tlx.core.weights.chain import load_weights

folder = Path(sys.argv[1])
trunk = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
image = keras.Input((32, 32, 3))
output = keras.layers.Dense(1)(keras.layers.Flatten()(trunk(keras.layers.Rescaling(1 / 255)(image))))
model = keras.Model(image, output)
for layer in trunk.layers:
    layer.trainable = layer.name.startswith("block5")
model.compile("adam", "mse")
model.optimizer.build(model.trainable_variables)
for name, layer in load_weights("none").layers.items():
    trunk.get_layer(name).set_weights([layer.kernel, layer.bias])
trunk.save(folder / "trunk.keras")
trunk.save_weights(folder / "trunk.weights.h5")
model.save(folder / "nested.keras")
model.save(folder / "nested.h5")
with h5py.File(folder / "legacy_notop.h5", "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, trunk)
for preprocessing in ("imagenet", "rescale"):
    build_trunk(load_weights("none"), (32, 32), preprocessing).save(folder / f"own_{preprocessing}.keras")
"""


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("keras")
    subprocess.run([sys.executable, "-c", MAKE_KERAS_FILES, str(folder)], capture_output=True, check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "name", ["trunk.keras", "trunk.weights.h5", "nested.keras", "nested.h5", "legacy_notop.h5", "own_rescale.keras"]
)
def test_files_of_keras_3_are_read(keras_files: Path, random_weights: PretrainedWeights, name: str) -> None:
    weights = load_weights(str(keras_files / name))
    assert weights.sha256 == random_weights.sha256
    assert weights.name == name
    assert not weights.is_imagenet
    assert "13 of 13 layers have other values" in weights.notes[0]


def _keras_1(file: h5py.File, name: str, layer: LayerWeights) -> None:
    file[f"{name}/{name}_W_1:0"] = layer.kernel
    file[f"{name}/{name}_b_1:0"] = layer.bias


def _keras_2_nested(file: h5py.File, name: str, layer: LayerWeights) -> None:
    """A whole model saved in a process that had built another VGG16 before, with an optimizer's state."""
    file[f"model_weights/vgg16/{name}_1/kernel:0"] = layer.kernel
    file[f"model_weights/vgg16/{name}_1/bias:0"] = layer.bias
    file[f"optimizer_weights/training/RMSprop/{name}/kernel:0"] = np.zeros_like(layer.kernel)


def _keras_3_without_names(file: h5py.File, name: str, layer: LayerWeights) -> None:
    number = list(LAYER_SHAPES).index(name) + 1
    place = f"layers/conv2d_{number}/vars"
    if number == 1:
        file["layers/conv2d/vars/0"] = np.ones((1, 1, 3, 3), np.float32)
        file["layers/conv2d/vars/1"] = np.ones(3, np.float32)
        file["layers/conv2d_14/vars/0"] = np.ones((3, 3, 512, 512), np.float32)
        file["layers/dense/vars/0"] = np.ones((8, 2), np.float32)
    file[f"{place}/0"] = layer.kernel
    file[f"{place}/1"] = layer.bias


@pytest.mark.parametrize("write", [_keras_1, _keras_2_nested, _keras_3_without_names])
def test_files_of_older_keras_are_read(
    tmp_path: Path, random_weights: PretrainedWeights, write: Callable[[h5py.File, str, LayerWeights], None]
) -> None:
    with h5py.File(tmp_path / "old.h5", "w") as file:
        for name, layer in random_weights.layers.items():
            write(file, name, layer)
    assert load_weights(str(tmp_path / "old.h5")).sha256 == random_weights.sha256


def _hollow(file: h5py.File) -> None:
    """All layers with the right shapes; HDF5 stores no zeros, so the file is tiny."""
    for name, shape in LAYER_SHAPES.items():
        file.create_dataset(f"{name}/kernel:0", shape, "f4")
        file.create_dataset(f"{name}/bias:0", shape[-1:], "f4")


def _replace(path: str, shape: tuple[int, ...], **options: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[path]
        file.create_dataset(path, shape, **{"dtype": "f4", **options})

    return change


def _remove(path: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[path]

    return change


def _link_outside(file: h5py.File) -> None:
    del file["block3_conv1"]
    file["block3_conv1"] = h5py.ExternalLink("other.h5", "block3_conv1")


def _second_vgg16(file: h5py.File) -> None:
    file["second/block2_conv1/kernel"] = np.zeros(LAYER_SHAPES["block2_conv1"], np.float32)


def test_hollow_file_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "zeros.h5", "w") as file:
        _hollow(file)
    assert set(read_hdf5(tmp_path / "zeros.h5")) == set(LAYER_SHAPES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_remove("block4_conv2"), r"layer block4_conv2 is missing: expected VGG16's 13 convolutions, found 12"),
        (
            _replace("block2_conv1/kernel:0", (3, 3, 64, 64)),
            r"layer block2_conv1: expected a kernel of 3x3x64x128, got 3x3x64x64 \(block2_conv1\)",
        ),
        (_replace("block2_conv1/kernel:0", (5, 5, 64, 128)), "expected a kernel of 3x3x64x128, got 5x5x64x128"),
        (_replace("block5_conv3/bias:0", (511,)), r"layer block5_conv3: expected a bias of 512, got 511"),
        (_remove("block5_conv3/bias:0"), r"layer block5_conv3: expected a bias of 512, got none"),
        (_replace("block1_conv2/bias:0", (64,), fillvalue=np.nan), r"block1_conv2: .* NaN or infinity in its bias"),
        (_replace("block1_conv1/kernel:0", (3, 3, 3, 64), fillvalue=-np.inf), r"block1_conv1: .* in its kernel"),
        # Finite in the file, too large for float32.
        (_replace("block1_conv2/bias:0", (64,), dtype="f8", fillvalue=1e300), r"block1_conv2: .* in its bias"),
        (_replace("block1_conv1/kernel:0", (3, 3, 3, 64), dtype="i1"), "layer block1_conv1 is missing"),
        (_replace("block1_conv1/kernel:0", (3, 3, 3, 64), external="elsewhere"), "layer block1_conv1 is missing"),
        (_link_outside, "layer block3_conv1 is missing"),
        (_second_vgg16, "layer block2_conv1 is there twice, as block2_conv1 and as second/block2_conv1"),
        (lambda file: file.create_group("subtract_mean"), "a model that tlx trained: name its run with --from"),
        (lambda file: file.clear(), "layer block1_conv1 is missing: .* found 0"),
    ],
)
def test_wrong_layer_is_named(tmp_path: Path, change: Callable[[h5py.File], None], message: str) -> None:
    path = tmp_path / "wrong.h5"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        _hollow(file)
    with h5py.File(path, "w") as file:
        _hollow(file)
        change(file)
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_own_model_with_the_colours_folded_in_is_refused(keras_files: Path) -> None:
    with pytest.raises(WeightsError, match="a model that tlx trained: name its run with --from"):
        load_weights(str(keras_files / "own_imagenet.keras"))


def test_half_precision_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "half.h5", "w") as file:
        _hollow(file)
        _replace("block1_conv1/bias:0", (64,), dtype="f2", fillvalue=0.5)(file)
    bias = load_weights(str(tmp_path / "half.h5")).layers["block1_conv1"].bias
    assert bias.dtype == np.float32
    assert (bias == 0.5).all()


def _archive(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path.read_bytes()


def test_archive_without_weights_is_refused(tmp_path: Path) -> None:
    _archive(tmp_path / "old.keras", {"saved_model.pb": b"x"})
    with pytest.raises(WeightsError, match=r"it holds no model\.weights\.h5"):
        load_weights(str(tmp_path / "old.keras"))


def test_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    _archive(tmp_path / "bomb.keras", {"model.weights.h5": bytes(10_000_000)})
    with pytest.raises(WeightsError, match=r"refused: its model\.weights\.h5 unpacks from .* to 10000000 bytes"):
        load_weights(str(tmp_path / "bomb.keras"))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        _hollow(file)
        file["rest"] = np.random.default_rng(0).standard_normal(10_000)
    content = (tmp_path / "whole.h5").read_bytes()
    if suffix == ".keras":
        content = _archive(tmp_path / "whole.keras", {"model.weights.h5": content})
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WeightsError, match="can't be read as one"):
        load_weights(str(path))
