"""Factorised layers: the least rank within a loss, the best weights of that rank, and the shape that is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.core.narrow_networks import ENOUGH, classifier, narrow

import low_rank
from tlx.core.compress.maps import Places, advance, normalized
from tlx.core.compress.plain import Convolution
from tlx.core.runs import Run

Maps = np.ndarray


@pytest.fixture(scope="module")
def layer_and_maps() -> tuple[Convolution, Maps]:
    """The fourth convolution, 64 to 64 channels, and what it takes."""
    network = narrow(classifier("default"), ENOUGH)
    pictures = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3)).astype(np.uint8)
    maps = normalized(network, pictures)
    for layer in network.convolutions[:3]:
        maps = advance(layer, maps)
    return network.convolutions[3], maps


def outputs(layer: Convolution, maps: Maps) -> Maps:
    """What it gives everywhere, before ReLU and pooling."""
    height, width = maps.shape[1:3]
    every = Places(len(maps), (height, width), len(maps) * height * width, 0)
    return np.concatenate(list(every.patches(maps))) @ layer.matrix() + layer.bias


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_rank_is_the_least_that_loses_no_more(layer_and_maps: tuple[Convolution, Maps], share: float) -> None:
    layer, maps = layer_and_maps
    places = Places(len(maps), maps.shape[1:3], 10**6, 0)
    lower, rank = low_rank.reduce_rank(layer, maps, maps, places, share)
    assert rank % 16 == 0
    assert rank < layer.outputs
    assert np.linalg.matrix_rank(lower.matrix(), tol=1e-5) == rank
    given, wanted = outputs(lower, maps), outputs(layer, maps)
    variance = wanted.var(axis=0).sum()
    assert np.square(given - wanted).mean(axis=0).sum() <= share * variance * 1.01
    # No better one has a step less: what the outputs' own principal components leave out is the least of all.
    powers = np.linalg.eigvalsh(np.cov(wanted.T))
    assert powers[: layer.outputs - rank + 16].sum() > share * variance


def test_where_two_layers_are_no_fewer_operations_it_stays(layer_and_maps: tuple[Convolution, Maps]) -> None:
    layer, maps = layer_and_maps
    places = Places(len(maps), maps.shape[1:3], 2_000, 0)
    assert low_rank.reduce_rank(layer, maps, maps, places, 1e-9) == (layer, layer.outputs)


def test_two_convolutions_have_the_operations_of_the_rank(layer_and_maps: tuple[Convolution, Maps]) -> None:
    layer, _ = layer_and_maps
    first, second = low_rank.two_convolutions(layer, 16)
    assert (first.kernel.shape, second.kernel.shape) == ((3, 3, 64, 16), (1, 1, 16, 64))
    assert (first.pooled, second.pooled) == (False, layer.pooled)


def test_the_whole_of_it_on_a_narrow_run(narrow_run: Run) -> None:
    script = Path(low_rank.__file__)
    words = ["--speedups", "1.2", "--shares", "0.3", "--photos", "10", "--threads", "1"]
    command = [sys.executable, str(script), str(narrow_run.folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    networks = json.loads(done.stdout)["networks"]
    first = "pruned, 1.2 times in int8"
    assert [row["name"] for row in networks] == [
        "original",
        first,
        "original, ranks within 0.3",
        f"{first}, ranks within 0.3",
    ]
    assert networks[2]["flops"] < networks[0]["flops"]
    assert all(row["fp32"]["latency_ms"] > 0 and row["int8"]["latency_ms"] > 0 for row in networks)
    assert networks[0]["accuracy"] == 1
