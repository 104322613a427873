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

from tlx.core.compress.blas import blas_threads
from tlx.core.compress.elimination import DAMPING, solve
from tlx.core.compress.maps import Places, advance, normalized
from tlx.core.compress.plain import MERGED_KERNEL, Array, Convolution, PlainNetwork
from tlx.core.compress.statistics import Moments, MomentSums

STRIDE: Final = 2
MERGED: Final = 2
"""Convolutions that become one."""


def one_offset(network: PlainNetwork) -> dict[str, Any]:
    """A normalisation with one whole number for all channels, which eight bits hold exactly: Keras's configuration.

    What the channels' own numbers did is left to the first layer's bias. Where channels have steps of their own it
    stays as it is.
    """
    scale = np.unique(np.asarray(network.rescaling["scale"], np.float64))
    if len(scale) != 1:
        return dict(network.rescaling)
    offset = np.mean(np.asarray(network.rescaling["offset"], np.float64))
    return {**network.rescaling, "scale": float(scale[0]), "offset": round(float(offset / scale[0])) * float(scale[0])}


def can_merge(network: PlainNetwork) -> bool:
    """Whether the network begins with two convolutions and a pooling, and its size can be halved."""
    pooled = [layer.pooled for layer in network.convolutions]
    even = all(pixels % STRIDE == 0 for pixels in network.size_hw)
    return even and pooled[:MERGED] == [False, True] and len(pooled) > MERGED


def merged_shape(network: PlainNetwork) -> PlainNetwork:
    """What :func:`merge_first_block` makes, without its weights: for times."""
    second = network.convolutions[MERGED - 1]
    return replace(
        network, rescaling=one_offset(network), convolutions=(_empty(second), *network.convolutions[MERGED:])
    )


def _empty(second: Convolution) -> Convolution:
    kernel = np.zeros((MERGED_KERNEL, MERGED_KERNEL, 3, second.outputs), np.float32)
    return replace(second, kernel=kernel, pooled=False, stride=STRIDE)


def first_block_maps(network: PlainNetwork, images_rgb: npt.NDArray[np.uint8]) -> Array:
    """What the first block gives: ``float32 [N, h / 2, w / 2, outputs]``."""
    maps = normalized(network, images_rgb)
    for layer in network.convolutions[:MERGED]:
        maps = advance(layer, maps)
    return maps


def merge_first_block(  # noqa: PLR0913 - the last one has a default
    network: PlainNetwork,
    kept: npt.NDArray[np.int64],
    images_rgb: npt.NDArray[np.uint8],
    *,
    rows: int,
    seed: int,
    given: Array | None = None,
) -> PlainNetwork:
    """Put one convolution in place of the first block.

    Args:
        network: One that :func:`can_merge`.
        kept: The channels that the block is to give.
        images_rgb: ``uint8 [N, h, w, 3]``.
        rows: About how many places are looked at.
        seed: Chooses them.
        given: :func:`first_block_maps` of these images, where the caller has them.
    """
    targets = (first_block_maps(network, images_rgb) if given is None else given)[..., kept]
    moments = _moments(network, images_rgb, targets, rows=rows, seed=seed)
    layer = _empty(network.convolutions[MERGED - 1]).with_matrix(*solve(moments.damped(DAMPING)))
    return replace(network, rescaling=one_offset(network), convolutions=(layer, *network.convolutions[MERGED:]))


def merging_error(network: PlainNetwork, images_rgb: npt.NDArray[np.uint8], *, rows: int, seed: int) -> float:
    """The share of the variance of what the layer after the block gives that it can't give any more.

    In this it's like the errors of fewer channels (:mod:`tlx.core.compress.elimination`): of the same layer, which
    makes up for it as well as it can. What damping alone costs is in the errors of that block's channels already.
    """
    everything = np.arange(network.convolutions[MERGED - 1].outputs)
    before = first_block_maps(network, images_rgb)
    merged = merge_first_block(network, everything, images_rgb, rows=rows, seed=seed, given=before)
    after = advance(merged.convolutions[0], normalized(merged, images_rgb))
    matrix = network.convolutions[MERGED].matrix()
    places = Places(len(before), before.shape[1:3], rows, seed + 1)
    with blas_threads(len(matrix)):
        lost = [_lost_share(matrix, places, maps, before) for maps in (after, before)]
    return max(lost[0] - lost[1], 0.0)


def _lost_share(matrix: Array, places: Places, taken: Array, original: Array) -> float:
    sums = MomentSums(len(matrix), matrix.shape[1])
    for patches, wanted in zip(places.patches(taken), places.patches(original), strict=True):
        sums.add(patches, wanted @ matrix)
    moments = sums.moments().damped(DAMPING)
    weights, _ = solve(moments)
    return 1 - float(np.vdot(weights, moments.cross)) / moments.power


def _moments(
    network: PlainNetwork, images_rgb: npt.NDArray[np.uint8], targets: Array, *, rows: int, seed: int
) -> Moments:
    taken = normalized(replace(network, rescaling=one_offset(network)), images_rgb)
    places = Places(len(taken), (targets.shape[1], targets.shape[2]), rows, seed)
    sums = MomentSums(3 * MERGED_KERNEL**2, targets.shape[-1])
    with blas_threads(3 * MERGED_KERNEL**2):
        for patches, wanted in zip(places.patches(taken, MERGED_KERNEL, STRIDE), places.points(targets), strict=True):
            sums.add(patches, wanted)
    return sums.moments()
