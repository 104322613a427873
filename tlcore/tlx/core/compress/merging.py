"""The first block as one convolution with stride 2: cheap where pixels are many and channels few.

With a few channels left, the first two convolutions take a third of the time for a twentieth of the arithmetic, because
the work there is moving bytes. One 4x4 convolution with stride 2 gives what the block gave after its pooling: fitted by
least squares, then taught with the rest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.core.compress.elimination import solve
from tlx.core.compress.maps import Places, advance, normalized
from tlx.core.compress.plain import MERGED_KERNEL, Convolution, PlainNetwork
from tlx.core.compress.statistics import MomentSums
from tlx.errors import InputError

STRIDE: Final = 2
MERGED: Final = 2
"""Convolutions that become one."""
_DAMPING: Final = 0.01


def one_offset(network: PlainNetwork) -> dict[str, Any]:
    """A normalisation with one whole number for all channels, which eight bits hold exactly: Keras's configuration.

    Raises:
        InputError: If the channels have different steps.
    """
    scale = np.unique(np.asarray(network.rescaling["scale"], np.float64))
    if len(scale) != 1:
        raise InputError("a network whose channels are scaled by different numbers can't be merged")
    offset = np.mean(np.asarray(network.rescaling["offset"], np.float64))
    return {**network.rescaling, "scale": float(scale[0]), "offset": round(float(offset / scale[0])) * float(scale[0])}


def can_merge(network: PlainNetwork) -> bool:
    """Whether the network begins with two convolutions and a pooling, and its size can be halved."""
    pooled = [layer.pooled for layer in network.convolutions]
    even = all(pixels % STRIDE == 0 for pixels in network.size_hw)
    return even and pooled[:MERGED] == [False, True] and len(pooled) > MERGED


def merge_first_block(
    network: PlainNetwork, kept: npt.NDArray[np.int64], images_rgb: npt.NDArray[np.uint8], *, rows: int, seed: int
) -> PlainNetwork:
    """Put one convolution in place of the first block.

    Args:
        network: One that :func:`can_merge`.
        kept: The channels that the block is to give.
        images_rgb: ``uint8 [N, h, w, 3]``.
        rows: About how many places are looked at.
        seed: Chooses them.
    """
    first, second = network.convolutions[:MERGED]
    targets = advance(second, advance(first, normalized(network, images_rgb)))[..., kept]
    merged = replace(network, rescaling=one_offset(network))
    taken = normalized(merged, images_rgb)
    places = Places(len(taken), targets.shape[1:3], rows, seed)
    sums = MomentSums(3 * MERGED_KERNEL**2, len(kept))
    for patches, wanted in zip(places.patches(taken, MERGED_KERNEL, STRIDE), places.points(targets), strict=True):
        sums.add(patches, wanted)
    empty = np.zeros((MERGED_KERNEL, MERGED_KERNEL, 3, len(kept)), np.float32)
    layer = Convolution(second.name, empty, np.zeros(len(kept), np.float32), pooled=False, stride=STRIDE)
    layer = layer.with_matrix(*solve(sums.moments().damped(_DAMPING)))
    return replace(merged, convolutions=(layer, *network.convolutions[MERGED:]))
