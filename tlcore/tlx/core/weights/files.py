"""VGG16's weights out of a file that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tlx.core.weights.hdf5_file import MAX_MODEL_BYTES, read_hdf5, read_keras_archive
from tlx.core.weights.onnx_file import read_onnx
from tlx.errors import MissingDependencyError, WeightsError

if TYPE_CHECKING:
    from tlx.core.weights.layers import Layers

WEIGHTS_SUFFIXES = frozenset({".h5", ".hdf5", ".keras", ".onnx"})

_MAX_ONNX_BYTES = 2 * 2**30  # protobuf's own limit


def read_weights_file(path: Path) -> Layers:
    """Read the thirteen layers, whoever trained them.

    Args:
        path: A weight file or whole model of Keras 2 or 3 (``.h5``, ``.keras``), or an ``.onnx`` file.

    Raises:
        WeightsError: If there is no such file, it's damaged, or it doesn't hold VGG16's convolutions: the message
            names the file and the layer.
        MissingDependencyError: If the library that reads such files isn't installed.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file: name a {_one_of(WEIGHTS_SUFFIXES)} file, imagenet or none")
    try:
        return _read(path)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except MissingDependencyError as error:
        raise MissingDependencyError(f"{path}: {error}") from error


def _read(path: Path) -> Layers:
    suffix = path.suffix.lower()
    if suffix == ".keras":
        return read_keras_archive(path)
    if suffix == ".onnx":
        return read_onnx(_content(path, _MAX_ONNX_BYTES))
    if suffix in WEIGHTS_SUFFIXES:
        _check_size(path, MAX_MODEL_BYTES)
        return read_hdf5(path)
    raise WeightsError(f"expected a {_one_of(WEIGHTS_SUFFIXES)} file, got '{suffix or path.name}'")


def _content(path: Path, limit_bytes: int) -> bytes:
    _check_size(path, limit_bytes)
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"can't be read ({error.strerror or error})") from error


def _check_size(path: Path, limit_bytes: int) -> None:
    size_bytes = path.stat().st_size
    if size_bytes > limit_bytes:
        raise WeightsError(f"expected at most {limit_bytes} bytes, got {size_bytes}")


def _one_of(suffixes: frozenset[str]) -> str:
    *others, last = sorted(suffixes)
    return f"{', '.join(others)} or {last}"
