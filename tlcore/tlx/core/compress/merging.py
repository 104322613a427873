"""The first block as one convolution: cheap where pixels are many and channels few.

With a few channels left, the first two convolutions take a third of the time for a twentieth of the arithmetic: the
work there is moving bytes. One 3x3 convolution over squares of 2x2 pixels (6x6 pixels, step 2) gives what the block
gave after its pooling, fitted by least squares and taught with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.compress.elimination import solve
from tlx.core.compress.maps import Places, advance, normalized
from tlx.core.compress.plain import TAPS, Convolution, PlainNetwork
from tlx.core.compress.statistics import MomentSums
from tlx.errors import InputError

_FOLD = 2
_DAMPING = 0.01


def one_offset(network: PlainNetwork) -> dict[str, Any]:
    """A normalisation with one whole number for all channels, which eight bits hold exactly: Keras's configuration.

    Raises:
        InputError: If the network doesn't take pixels with a step of one for all channels.
    """
    scale = np.unique(np.asarray(network.rescaling["scale"], np.float64))
    if len(scale) != 1:
        raise InputError("a network whose channels are scaled by different numbers can't be merged")
    offset = np.mean(np.asarray(network.rescaling["offset"], np.float64))
    steps = round(float(offset / scale[0]))
    return {**network.rescaling, "scale": float(scale[0]), "offset": float(steps * scale[0])}


def merge_first_block(
    network: PlainNetwork, kept: npt.NDArray[np.int64], images_rgb: npt.NDArray[np.uint8], places: Sequence[int]
) -> PlainNetwork:
    """Put one convolution in place of the first block.

    Args:
        network: With two convolutions and a pooling at its beginning.
        kept: The channels that the block is to give.
        images_rgb: ``uint8 [N, h, w, 3]``.
        places: Rows and seed of the looks.
    """
    first, second = network.convolutions[:2]
    folded = replace(network, fold=_FOLD, rescaling=one_offset(network))
    targets = advance(second, advance(first, normalized(network, images_rgb)))[..., kept]
    taken = normalized(folded, images_rgb)
    rows, seed = places
    looks = Places(len(taken), taken.shape[1:3], rows, seed)
    sums = MomentSums(taken.shape[-1] * TAPS, len(kept))
    for patches, wanted in zip(looks.patches(taken), looks.points(targets), strict=True):
        sums.add(patches, wanted)
    weights, bias = solve(sums.moments().damped(_DAMPING))
    empty = np.zeros((3, 3, taken.shape[-1], len(kept)), np.float32)
    merged = Convolution(second.name, empty, np.zeros(len(kept), np.float32), pooled=False)
    return replace(folded, convolutions=(merged.with_matrix(weights, bias), *network.convolutions[2:]))
