"""Channel pruning in closed form: which channels go, and the weights that make up for them. No labels are needed.

:func:`survey` asks each layer of the original network in which order it would give up its inputs. :func:`prune` then
goes through the network once: each layer takes what the layers before it, already pruned, give, and is solved for what
the original gives at the same places, so that errors don't add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.core.compress.blas import blas_threads
from tlx.core.compress.elimination import DAMPING, Elimination, eliminate, solve
from tlx.core.compress.maps import Places, advance, head_kernel, head_matrix, normalized, pooled
from tlx.core.compress.merging import MERGED, first_block_maps, merge_first_block, one_offset
from tlx.core.compress.plain import TAPS, Array, Convolution, Dense, PlainNetwork
from tlx.core.compress.statistics import Moments, MomentSums
from tlx.progress import Progress, silent

_FEWEST_SHARE: Final = 16
"""No layer goes below a sixteenth of its channels."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Which 3x3 places of each layer are looked at.

    Attributes:
        rows: About how many.
        seed: Chooses them.
    """

    rows: int
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """How each convolution's outputs would be given up by the layer that takes them.

    Attributes:
        eliminations: One for each convolution.
    """

    eliminations: tuple[Elimination, ...]

    def kept(self, counts: Sequence[int]) -> list[npt.NDArray[np.int64]]:
        """The channels that stay, for a count of each convolution."""
        return [elimination.kept(count) for elimination, count in zip(self.eliminations, counts, strict=True)]


def survey(
    network: PlainNetwork, images_rgb: npt.NDArray[np.uint8], looks: Looks, progress: Progress = silent
) -> Survey:
    """Find out what each layer loses with fewer inputs.

    Args:
        network: The original.
        images_rgb: ``uint8 [N, h, w, 3]``, some hundred photos.
        looks: At which places.
        progress: Told of each layer.
    """
    eliminations = []
    maps = normalized(network, images_rgb)
    steps = len(network.convolutions)
    for number, layer in enumerate(network.convolutions):
        if number:
            progress("looking at layers", number - 1, steps, layer.name)
            sums = MomentSums(layer.inputs * TAPS, 1)
            places = Places(len(maps), maps.shape[1:3], looks.rows, looks.seed + number)
            with blas_threads(layer.inputs * TAPS):
                for patches in places.patches(maps):
                    sums.add(patches, patches[:, :1])
                eliminations.append(_eliminate(sums.moments(), layer.matrix(), layer.inputs))
        maps = advance(layer, maps)
    progress("looking at layers", steps - 1, steps, "head")
    features = pooled(network, maps)
    sums = MomentSums(features.shape[1], 1)
    with blas_threads(features.shape[1]):
        sums.add(features, features[:, :1])
        eliminations.append(_eliminate(sums.moments(), head_matrix(network), network.convolutions[-1].outputs))
    progress("looking at layers", steps, steps)
    return Survey(tuple(eliminations))


def _eliminate(moments: Moments, matrix: Array, groups: int) -> Elimination:
    """The original's outputs are linear in its inputs, so their moments need no second look at the photos."""
    weights = matrix.astype(np.float64)
    cross = moments.gram @ weights
    exact = replace(moments, cross=cross, power=float(np.vdot(weights, cross)))
    return eliminate(exact.damped(DAMPING), groups, max(1, groups // _FEWEST_SHARE))


def prune(  # noqa: PLR0913 - the last two have defaults
    network: PlainNetwork,
    kept: Sequence[npt.NDArray[np.int64]],
    images_rgb: npt.NDArray[np.uint8],
    looks: Looks,
    progress: Progress = silent,
    *,
    merge: bool = False,
) -> PlainNetwork:
    """Make the network smaller.

    Args:
        network: The original.
        kept: For each convolution the outputs that stay, from :meth:`Survey.kept`.
        images_rgb: ``uint8 [N, h, w, 3]``.
        looks: At which places.
        progress: Told of each layer.
        merge: Make one convolution of the first block (:mod:`tlx.core.compress.merging`).
    """
    if not merge and all(
        len(chosen) == layer.outputs for chosen, layer in zip(kept, network.convolutions, strict=True)
    ):
        return network
    steps = len(network.convolutions) + 1
    smaller: list[Convolution] = []
    result, done = replace(network, rescaling=one_offset(network)), 0
    before, after = normalized(network, images_rgb), normalized(result, images_rgb)
    if merge:
        progress("pruning", 0, steps, "first block")
        done = MERGED
        before = first_block_maps(network, images_rgb)
        result = merge_first_block(network, kept[done - 1], images_rgb, rows=looks.rows, seed=looks.seed, given=before)
        smaller = [result.convolutions[0]]
        after = advance(smaller[0], normalized(result, images_rgb))
    for number, (layer, outputs) in enumerate(zip(network.convolutions, kept, strict=True)):
        if number < done:
            continue
        progress("pruning", number, steps, layer.name)
        height, width = (-(-pixels // layer.stride) for pixels in before.shape[1:3])
        places = Places(len(before), (height, width), looks.rows, looks.seed + number)
        inputs = kept[number - 1] if number else np.arange(layer.inputs)
        with blas_threads(len(inputs) * TAPS):
            made = _solve_layer(layer, (inputs, outputs), before, after, places)
        smaller.append(made)
        # One after the other: what the first one took is gone before the second one gives anything.
        before = advance(layer, before)
        after = advance(made, after)
    progress("pruning", steps - 1, steps, "head")
    head = _solve_head(network, kept[-1], pooled(network, before), pooled(network, after))
    progress("pruning", steps, steps)
    return replace(result, convolutions=tuple(smaller), dense=(head, *network.dense[1:]))


def _solve_layer(
    layer: Convolution,
    left: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    before: Array,
    after: Array,
    places: Places,
) -> Convolution:
    """The best weights for the inputs and outputs that are left."""
    inputs, outputs = left
    matrix, bias = np.ascontiguousarray(layer.matrix()[:, outputs]), layer.bias[outputs]
    taps = len(layer.kernel)
    sums = MomentSums(after.shape[-1] * taps**2, len(outputs))
    of_both = (places.patches(maps, taps, layer.stride) for maps in (after, before))
    for taken, given in zip(*of_both, strict=True):
        sums.add(taken, given @ matrix + bias)
    original = matrix[_rows_of(inputs, taps**2)].astype(np.float64)
    return layer.with_matrix(*solve(sums.moments().damped(DAMPING, original)))


def _solve_head(network: PlainNetwork, inputs: npt.NDArray[np.int64], before: Array, after: Array) -> Dense:
    """Some hundred photos are fewer than the head's inputs: where they don't tell, its own weights stay."""
    first, matrix = network.dense[0], head_matrix(network)
    sums = MomentSums(after.shape[1], first.kernel.shape[1])
    sums.add(after, before @ matrix + first.bias)
    original = matrix[_rows_of(inputs, network.features_a_channel)].astype(np.float64)
    solved, bias = solve(sums.moments().damped(DAMPING, original))
    return replace(first, kernel=head_kernel(network, solved), bias=bias.astype(np.float32))


def _rows_of(channels: npt.NDArray[np.int64], each: int) -> npt.NDArray[np.int64]:
    """The rows of a matrix in which those of a channel lie side by side."""
    return np.asarray((channels[:, None] * each + np.arange(each)).ravel())
