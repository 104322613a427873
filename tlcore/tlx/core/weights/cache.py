"""ImageNet's weights in one file of the user's cache folder.

The file is the thirteen layers' bytes one after the other, kernel then bias, and nothing else: a format with
nothing to parse can't be attacked, and each layer's piece has the SHA-256 of :mod:`tlx.core.weights.digests`.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from tlx import atomic
from tlx.cache import cache_folder
from tlx.core.weights.layers import LAYER_SHAPES, Layers, LayerWeights
from tlx.errors import WeightsError

_FLOAT = np.dtype("<f4")
_FILE_BYTES = sum(_FLOAT.itemsize * (math.prod(shape) + shape[-1]) for shape in LAYER_SHAPES.values())


def cache_path() -> Path:
    """Where the weights are kept; the file need not exist."""
    return cache_folder() / "vgg16-imagenet-notop.f32"


def read_cache(path: Path) -> Layers | None:
    """Read the layers, unverified.

    Returns:
        ``None`` if there is no such file.

    Raises:
        WeightsError: If the file can't be read or has another size.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes != _FILE_BYTES:
            raise WeightsError(f"expected {_FILE_BYTES} bytes, got {size_bytes}")
        numbers = np.frombuffer(path.read_bytes(), dtype=_FLOAT).astype(np.float32, copy=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WeightsError(f"can't be read ({error})") from error
    layers = {}
    start = 0
    for name, shape in LAYER_SHAPES.items():
        middle = start + math.prod(shape)
        end = middle + shape[-1]
        layers[name] = LayerWeights(numbers[start:middle].reshape(shape), numbers[middle:end])
        start = end
    return layers


def write_cache(path: Path, layers: Layers) -> None:
    """Put the layers there, whole or not at all.

    Raises:
        OutputError: If the folder can't be made or written to, or the disk is full.
    """
    atomic.make_folder(path.parent)
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        for layer in layers.values():
            for array in (layer.kernel, layer.bias):
                file.write(array.astype(_FLOAT, copy=False).data)
