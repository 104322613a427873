"""What goes through a chain of convolutions, layer by layer, for some hundred photos at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.core.compress.plain import Array, Convolution, PlainNetwork
from tlx.export.frameworks import import_keras

_CHUNK: Final = 16
_CHUNK_BYTES: Final = 64 << 20
"""Of what a convolution gives some photos before their pooling."""
HELD_BYTES: Final = 3 << 30
"""For all maps that are held at once: the widest layer's of one network are half of it, 1.5 GiB."""
FEWEST_PHOTOS: Final = 32


def photos_that_fit(network: PlainNetwork, most: int) -> int:
    """How many photos' maps of the original and of a pruned network fit into :data:`HELD_BYTES`.

    Args:
        network: The original.
        most: How many suffice.

    Returns:
        :data:`FEWEST_PHOTOS` to ``most``.
    """
    return max(FEWEST_PHOTOS, min(most, HELD_BYTES // bytes_a_photo(network)))


def bytes_a_photo(network: PlainNetwork) -> int:
    """What a photo's maps take at most while a layer of the original runs, then one of a network that is no wider."""
    height, width = network.size_hw
    taken, found = 4 * height * width * 3, []
    for layer in network.convolutions:
        height, width = layer.output_hw(height, width)
        given = 4 * height * width * layer.outputs
        found.append(taken + given + max(taken, given))
        taken = given
    return max(found)


def normalized(network: PlainNetwork, images_rgb: npt.NDArray[np.uint8]) -> Array:
    """What the first convolution takes: ``float32 [N, h, w, 3]``."""
    config = network.rescaling
    scale, offset = (np.asarray(config[name], np.float32) for name in ("scale", "offset"))
    return images_rgb.astype(np.float32) * scale + offset


def advance(layer: Convolution, maps: Array) -> Array:
    """Run a convolution, its ReLU and its pooling: ``[N, h, w, inputs]`` becomes ``[N, h', w', outputs]``."""
    ops = import_keras().ops
    height, width = maps.shape[1:3]
    given = np.empty((len(maps), *layer.output_hw(height, width), layer.outputs), np.float32)
    unpooled_bytes = 4 * -(-height // layer.stride) * -(-width // layer.stride) * layer.outputs
    chunk = max(1, min(_CHUNK, _CHUNK_BYTES // unpooled_bytes))
    for start in range(0, len(maps), chunk):
        values = ops.conv(maps[start : start + chunk], layer.kernel, strides=layer.stride, padding="same") + layer.bias
        values = ops.relu(values)
        if layer.pooled:
            values = ops.max_pool(values, (2, 2), strides=(2, 2))
        given[start : start + chunk] = ops.convert_to_numpy(values)
    return given


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
            rows = []
            for image, (y, x) in zip(maps[start : start + _CHUNK], self._y_x[start : start + _CHUNK], strict=False):
                padded = np.pad(image, (edges, edges, (0, 0)))
                patch = padded[stride * y[:, None, None] + taps[:, None], stride * x[:, None, None] + taps]
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
