"""Low-rank factorisation beside channel pruning, both in closed form: accuracy over latency of whole networks.

    python benchmarks/low_rank.py RUN
    python benchmarks/low_rank.py RUN --speedups 4 8 --shares 0.02 0.1 --photos 400

Factorised, a 3x3 convolution becomes one of fewer channels and a 1x1 convolution that makes all channels of them: the
reduced-rank regression of what the layer gives (Zhang et al. 2016, arXiv:1505.06798), layer by layer, each on what the
factorised layers before it give. A rank is the least multiple of 16 that loses at most a share of the outputs'
variance; where that saves no operation the layer stays. It is applied to the original and to a pruned network. Times
are those of graphs of the same shapes in turns, as `tlx compress` takes them; accuracy is that on the run's validation
photos, before anything is learned. Prints one JSON object; ``--output FILE`` also writes it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx import images
from tlx.bench.typed_command import typed_command
from tlx.core.compress.compress import PHOTOS, ROWS
from tlx.core.compress.design import Designer
from tlx.core.compress.elimination import DAMPING, solve
from tlx.core.compress.maps import Places, advance, normalized
from tlx.core.compress.plain import TAPS, Convolution, PlainNetwork, build_model
from tlx.core.compress.pruning import Looks, prune, survey
from tlx.core.compress.source import Source, evenly, open_source
from tlx.core.compress.statistics import MomentSums
from tlx.core.compress.trials import Trial, time_rounds
from tlx.core.photos import Photo
from tlx.core.runs import open_run
from tlx.export.keras_model import class_probabilities
from tlx.runtime import environment

RANKS: Final = 16
PRECISIONS: Final = {"fp32": False, "int8": True}


@dataclass(frozen=True)
class Candidate:
    """A network to judge.

    Attributes:
        network: That computes what it says.
        shape: That takes the time it takes: with two convolutions where one was factorised.
    """

    name: str
    network: PlainNetwork
    shape: PlainNetwork


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", help="the original")
    parser.add_argument("--speedups", type=float, nargs="+", default=[3.0, 5.0, 8.0, 12.0], help="of pruned networks")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.03, 0.1, 0.2], help="of variance lost")
    parser.add_argument("--photos", type=int, default=1000, help="most validation photos")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result = measure(arguments)
    deliver(result, arguments.output)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All networks: how accurate, how fast."""
    source = open_source(open_run(arguments.run), hold_back=False)
    pixels = read(source, evenly(source.photos, PHOTOS))
    judges = evenly(source.validation, arguments.photos)
    judging, classes = read(source, judges), source.classes(judges)
    candidates = make_all(source.network, pixels, arguments)
    accuracies = [accuracy(candidate.network, judging, classes) for candidate in candidates]
    rows = [
        {"name": candidate.name, "accuracy": right, "flops": candidate.shape.flops()}
        for candidate, right in zip(candidates, accuracies, strict=True)
    ]
    for name, int8 in PRECISIONS.items():
        trials = [Trial(source.network, int8=False), *[Trial(candidate.shape, int8) for candidate in candidates]]
        original_ms, *all_ms = time_rounds(trials, threads=arguments.threads)
        for row, rounds_ms in zip(rows, all_ms, strict=True):
            ratios = [before / after for before, after in zip(original_ms, rounds_ms, strict=True)]
            row[name] = {
                "latency_ms": statistics.median(rounds_ms),
                "speedup": statistics.median(ratios),
                "speedup_range": [min(ratios), max(ratios)],
            }
    return {
        "benchmark": "low_rank",
        "command": typed_command(["python", *sys.argv]),
        "validation_photos": len(judges),
        "networks": rows,
        "environment": environment.describe(),
    }


def read(source: Source, photos: Sequence[Photo]) -> npt.NDArray[np.uint8]:
    """``uint8 [N, h, w, 3]``."""
    recipe = source.run.recipe
    return np.stack([images.load(photo.path, recipe.size_hw, recipe.resize) for photo in photos])


def make_all(original: PlainNetwork, pixels: npt.NDArray[np.uint8], arguments: argparse.Namespace) -> list[Candidate]:
    """The original, pruned ones, factorised ones, and factorised ones of the pruned network that is closest to it."""
    looked_at = survey(original, pixels, Looks(ROWS))
    designer = Designer(original, original, looked_at, pixels, int8=True, threads=arguments.threads)
    pruned = []
    for speedup in sorted(arguments.speedups):
        design = designer.within(designer.original_ms / speedup)
        network = prune(original, looked_at.kept(design.channels), pixels, Looks(ROWS), merge=design.merge)
        pruned.append(Candidate(f"pruned, {speedup:g} times in int8", network, network))
    factorised = [
        factorise(Candidate(name, network, network), pixels, share)
        for name, network in (("original", original), (pruned[0].name, pruned[0].network))
        for share in arguments.shares
    ]
    return [Candidate("original", original, original), *pruned, *factorised]


def factorise(candidate: Candidate, pixels: npt.NDArray[np.uint8], share: float) -> Candidate:
    """Give each layer after the first the least rank that loses at most ``share`` of its outputs' variance."""
    network, made, shape = candidate.network, [], []
    before, after = normalized(network, pixels), normalized(network, pixels)
    for number, layer in enumerate(network.convolutions):
        height, width = (-(-side // layer.stride) for side in before.shape[1:3])
        lower, rank = layer, layer.outputs
        if number:
            places = Places(len(before), (height, width), ROWS, number)
            lower, rank = reduce_rank(layer, before, after, places, share)
        made.append(lower)
        shape += [layer] if rank == layer.outputs else two_convolutions(layer, rank)
        before, after = advance(layer, before), advance(lower, after)
    return Candidate(
        f"{candidate.name}, ranks within {share:g}",
        replace(network, convolutions=tuple(made)),
        replace(network, convolutions=tuple(shape)),
    )


def reduce_rank(
    layer: Convolution, before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], places: Places, share: float
) -> tuple[Convolution, int]:
    """The layer with the best weights of that rank, and the rank; as it was where two layers cost as much."""
    matrix = layer.matrix()
    sums = MomentSums(layer.inputs * TAPS, layer.outputs)
    for taken, given in zip(places.patches(after), places.patches(before), strict=True):
        sums.add(taken, given @ matrix + layer.bias)
    moments = sums.moments().damped(DAMPING, matrix.astype(np.float64))
    weights, _ = solve(moments)
    powers, directions = np.linalg.eigh(weights.T @ moments.gram @ weights)
    lost = np.cumsum(powers) / powers.sum()
    rank = -(-(layer.outputs - int((lost <= share).sum())) // RANKS) * RANKS
    if rank * (layer.inputs * TAPS + layer.outputs) >= layer.inputs * TAPS * layer.outputs:
        return layer, layer.outputs
    kept = directions[:, layer.outputs - rank :]
    lower = weights @ kept @ kept.T
    return layer.with_matrix(lower, moments.target_mean - moments.input_mean @ lower), rank


def two_convolutions(layer: Convolution, rank: int) -> list[Convolution]:
    """The shape that has these times; a ReLU more in the first costs nothing, engines compute it with the sum."""
    narrow = np.zeros((*layer.kernel.shape[:3], rank), np.float32)
    wide = np.zeros((1, 1, rank, layer.outputs), np.float32)
    return [
        replace(layer, name=f"{layer.name}_rank", kernel=narrow, bias=np.zeros(rank, np.float32), pooled=False),
        replace(layer, kernel=wide, stride=1),
    ]


def accuracy(network: PlainNetwork, pixels: npt.NDArray[np.uint8], classes: npt.NDArray[np.int32]) -> float:
    """The share of photos that it gets right."""
    said = class_probabilities(build_model(network).predict(pixels, batch_size=32, verbose=0))
    return float((said.argmax(axis=1) == classes).mean())


if __name__ == "__main__":
    main()
