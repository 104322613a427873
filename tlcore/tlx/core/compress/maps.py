"""What goes through a chain of convolutions, layer by layer, for some hundred photos at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.core.compress.plain import Array, Convolution, PlainNetwork
from tlx.export.frameworks import import_keras

_CHUNK: Final = 16
ROWS_A_LAYER: Final = 40_000
"""How many 3x3 places a layer's moments are made of: nine for each input of the widest layer."""


def normalized(network: PlainNetwork, images_rgb: npt.NDArray[np.uint8]) -> Array:
    """What the first convolution takes: ``float32 [N, h, w, 3]``."""
    config = network.rescaling
    scale, offset = (np.asarray(config[name], np.float32) for name in ("scale", "offset"))
    return images_rgb.astype(np.float32) * scale + offset


def advance(layer: Convolution, maps: Array) -> Array:
    """Run a convolution, its ReLU and its pooling: ``[N, h, w, inputs]`` becomes ``[N, h', w', outputs]``."""
    ops = import_keras().ops
    parts = []
    for start in range(0, len(maps), _CHUNK):
        values = ops.conv(maps[start : start + _CHUNK], layer.kernel, strides=layer.stride, padding="same") + layer.bias
        values = ops.relu(values)
        if layer.pooled:
            values = ops.max_pool(values, (2, 2), strides=(2, 2))
        parts.append(np.asarray(ops.convert_to_numpy(values)))
    return np.concatenate(parts)


class Places:
    """Seeded places of a layer's output, the same for every layer that gives as many pixels."""

    def __init__(self, photos: int, size_hw: tuple[int, int], rows: int, seed: int) -> None:
        height, width = size_hw
        count = min(max(1, rows // photos), height * width)
        random = np.random.default_rng(seed)
        chosen = [random.choice(height * width, count, replace=False) for _ in range(photos)]
        self._y_x = [np.divmod(np.sort(places), width) for places in chosen]

    def patches(self, maps: Array, kernel: int = 3, stride: int = 1) -> Iterator[Array]:
        """What the output there is made of, some photos at a time: ``[n, inputs * kernel²]``, a channel's side by side.

        Args:
            maps: What the layer takes.
            kernel: Its taps along each axis, an even number more than its stride.
            stride: Its steps.
        """
        taps, edge = np.arange(kernel), (kernel - stride + 1) // 2
        for start in range(0, len(maps), _CHUNK):
            # With an odd number of pixels a stride of 2 looks one further at the end.
            edges = (edge, edge + stride - 1)
            padded = np.pad(maps[start : start + _CHUNK], ((0, 0), edges, edges, (0, 0)))
            rows = []
            for image, (y, x) in zip(padded, self._y_x[start : start + _CHUNK], strict=False):
                patch = image[stride * y[:, None, None] + taps[:, None], stride * x[:, None, None] + taps]
                rows.append(patch.transpose(0, 3, 1, 2).reshape(len(y), -1))
            yield np.concatenate(rows)

    def points(self, maps: Array) -> Iterator[Array]:
        """What lies in the middle of each of :meth:`patches`: ``[n, channels]``."""
        for start in range(0, len(maps), _CHUNK):
            chunk = zip(maps[start : start + _CHUNK], self._y_x[start : start + _CHUNK], strict=False)
            yield np.concatenate([image[y, x] for image, (y, x) in chunk])


def pooled(network: PlainNetwork, maps: Array) -> Array:
    """What the head takes, ``[N, channels * features_a_channel]``, those of a channel side by side."""
    if network.pooling == "average":
        return np.asarray(maps.mean(axis=(1, 2)))
    return maps.transpose(0, 3, 1, 2).reshape(len(maps), -1)


def head_matrix(network: PlainNetwork) -> Array:
    """The first layer of the head in the order of :func:`pooled`: ``[features, outputs]``."""
    kernel = network.dense[0].kernel
    channels = network.convolutions[-1].outputs
    return np.ascontiguousarray(kernel.reshape(-1, channels, kernel.shape[1]).transpose(1, 0, 2).reshape(kernel.shape))


def head_kernel(network: PlainNetwork, matrix: npt.NDArray[Any]) -> Array:
    """The reverse of :func:`head_matrix`, for any number of channels."""
    places = network.features_a_channel
    shaped = matrix.reshape(-1, places, matrix.shape[1]).transpose(1, 0, 2)
    return np.ascontiguousarray(shaped.reshape(matrix.shape), dtype=np.float32)
