"""One convolution in place of the first block, against a direct least-squares solution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.narrow_networks import ENOUGH, FEW, classifier, narrow

from tlx.core.compress.maps import advance, normalized
from tlx.core.compress.merging import (
    can_merge,
    merge_first_block,
    merged_shape,
    merging_error,
    one_offset,
)
from tlx.core.compress.plain import PlainNetwork, build_model, read_network
from tlx.core.compress.pruning import Looks, prune

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
EVERY_PLACE = 10**9
KEPT = np.array([0, 2, 3, 6])


@pytest.fixture(scope="module")
def network() -> PlainNetwork:
    return narrow(classifier("default"))


def patches(network: PlainNetwork, pictures: Pictures) -> Floats:
    """What each output of a 4x4 convolution with stride 2 is made of, a channel's taps side by side, and a one."""
    taken = np.pad(normalized(network, pictures), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(taken, (4, 4), axis=(1, 2))[:, ::2, ::2]
    rows = windows.reshape(-1, 3 * 16).astype(np.float64)
    return np.column_stack([rows, np.ones(len(rows))])


def block(network: PlainNetwork, pictures: Pictures) -> Floats:
    """What the first block gives, a row for each pixel."""
    first, second = network.convolutions[:2]
    maps = advance(second, advance(first, normalized(network, pictures)))
    return maps.reshape(-1, maps.shape[-1]).astype(np.float64)


def direct(taken: Floats, wanted: Floats, damping: float = 0.01) -> Floats:
    """Ridge regression by numpy's own solver: ``[49, outputs]``, the bias last and free."""
    centred = taken[:, :-1] - taken[:, :-1].mean(axis=0)
    share = np.sqrt(damping * centred.var(axis=0).mean() * len(taken))
    rows = np.vstack([centred, share * np.eye(centred.shape[1])])
    targets = np.vstack([wanted - wanted.mean(axis=0), np.zeros((centred.shape[1], wanted.shape[1]))])
    weights = np.linalg.lstsq(rows, targets, rcond=None)[0]
    return np.vstack([weights, wanted.mean(axis=0) - taken[:, :-1].mean(axis=0) @ weights])


def test_the_weights_are_the_least_squares_solution(network: PlainNetwork, pictures: Pictures) -> None:
    merged = merge_first_block(network, KEPT, pictures, rows=EVERY_PLACE, seed=0)
    layer = merged.convolutions[0]
    taken, wanted = patches(merged, pictures), block(network, pictures)[:, KEPT]
    solution = direct(taken, wanted)
    found = np.vstack([layer.matrix(), layer.bias])
    np.testing.assert_allclose(taken @ found, taken @ solution, atol=1e-3 * np.abs(wanted).max())
    # The layer computes just this, at the edges too.
    maps = advance(layer, normalized(merged, pictures))
    expected = np.maximum(taken @ found, 0)
    np.testing.assert_allclose(maps.reshape(-1, len(KEPT)), expected, atol=1e-4 * np.abs(wanted).max())
    assert np.square(maps.reshape(-1, len(KEPT)) - wanted).mean() < 0.5 * wanted.var(axis=0).mean()


def lost_share(taken: Floats, wanted: Floats) -> float:
    """Of the variance; what the damping costs counts as lost, too."""
    solution = direct(taken, wanted)
    missed = np.square(taken @ solution - wanted).sum()
    damping = 0.01 * taken[:, :-1].var(axis=0).mean() * len(taken) * np.square(solution[:-1]).sum()
    return float((missed + damping) / np.square(wanted - wanted.mean(axis=0)).sum())


def around(maps: npt.NDArray[np.float32]) -> Floats:
    """What each output of a 3x3 convolution is made of, a channel's taps side by side, and a one."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), (1, 2))
    rows = windows.reshape(-1, maps.shape[-1] * 9).astype(np.float64)
    return np.column_stack([rows, np.ones(len(rows))])


def test_the_error_is_what_the_next_layer_loses_beyond_damping(network: PlainNetwork, pictures: Pictures) -> None:
    first, second, third = network.convolutions[:3]
    everything = np.arange(second.outputs)
    merged = merge_first_block(network, everything, pictures, rows=EVERY_PLACE, seed=0)
    before = around(advance(second, advance(first, normalized(network, pictures))))
    after = around(advance(merged.convolutions[0], normalized(merged, pictures)))
    wanted = before[:, :-1] @ third.matrix()
    expected = lost_share(after, wanted) - lost_share(before, wanted)
    assert expected > 0.01
    assert merging_error(network, pictures, rows=EVERY_PLACE, seed=0) == pytest.approx(expected, abs=1e-3)


def test_its_shape_is_told_before_it_is_made(network: PlainNetwork, pictures: Pictures) -> None:
    shape = merged_shape(network)
    made = merge_first_block(network, np.arange(FEW[1]), pictures, rows=600, seed=0)
    for one in (shape, made):
        assert one.channels == FEW[1:]
        assert one.last_hw == network.last_hw
        assert [layer.kernel.shape for layer in one.convolutions] == [
            (4, 4, 3, FEW[1]),
            *[layer.kernel.shape for layer in network.convolutions[2:]],
        ]
        first = one.convolutions[0]
        assert (first.name, first.stride, first.pooled) == ("block1_conv2", 2, False)
        assert one.flops() == shape.flops() < network.flops()
        assert one.has_one_offset


def test_a_merged_network_is_built_and_read_as_it_is(network: PlainNetwork, pictures: Pictures) -> None:
    kept = [np.arange(width) for width in FEW]
    pruned = prune(network, kept, pictures, Looks(600), merge=True)
    model = build_model(pruned)
    assert [layer.name for layer in model.layers[2:5]] == ["block1_conv2", "block2_conv1", "block2_conv2"]
    again = read_network(model)
    assert (again.channels, again.convolutions[0].stride) == (FEW[1:], 2)
    assert again.has_one_offset
    np.testing.assert_array_equal(build_model(again).predict(pictures, verbose=0), model.predict(pictures, verbose=0))
    assert not can_merge(again)


@pytest.mark.parametrize(
    ("scale", "offset", "whole"),
    [
        (1.0, [-123.68, -116.779, -103.939], -115.0),
        (1 / 255, 0.0, 0.0),
        (1 / 127.5, -1.0, -128.0),
        ([0.5, 0.5, 0.5], [-60.2, -60.2, -60.2], -120.0),
    ],
)
def test_pixels_are_moved_by_one_whole_number(
    network: PlainNetwork, scale: object, offset: object, whole: float
) -> None:
    config = {**network.rescaling, "scale": scale, "offset": offset}
    found = one_offset(replace(network, rescaling=config))
    assert found["offset"] / found["scale"] == pytest.approx(whole)
    assert replace(network, rescaling=found).has_one_offset
    assert found.keys() == network.rescaling.keys()


def test_imagenets_own_offsets_are_three(network: PlainNetwork) -> None:
    assert not network.has_one_offset
    assert not replace(network, rescaling={**network.rescaling, "scale": 1 / 255, "offset": 0.5 / 255}).has_one_offset


def test_channels_with_scales_of_their_own_keep_them(network: PlainNetwork) -> None:
    other = replace(network, rescaling={**network.rescaling, "scale": [0.017, 0.0175, 0.0174]})
    assert one_offset(other) == other.rescaling
    assert not other.has_one_offset


@pytest.mark.parametrize("size", [32, 33])
def test_a_merged_network_is_pruned_like_any_other(network: PlainNetwork, pictures: Pictures, size: int) -> None:
    merged = merge_first_block(network, np.arange(FEW[1]), pictures, rows=600, seed=0)
    merged = replace(merged, size_hw=(size, size))
    seen = np.pad(pictures, ((0, 0), (0, size - 32), (0, size - 32), (0, 0)), mode="edge")
    kept = [np.arange(width) for width in merged.channels]
    kept[-1] = kept[-1][:-1]
    pruned = prune(merged, kept, seen, Looks(6000))
    assert pruned.channels == (*merged.channels[:-1], merged.channels[-1] - 1)
    # Nothing went before the last layer: what the first ones are solved for is what they are.
    layer, solved = merged.convolutions[0], pruned.convolutions[0]
    was, now = (advance(one, normalized(merged, seen)) for one in (layer, solved))
    assert np.square(now - was).mean() < 0.01 * was.var()


def test_only_a_block_of_two_and_a_pooling_is_merged(network: PlainNetwork) -> None:
    first, second, *others = network.convolutions
    assert can_merge(network)
    assert not can_merge(replace(network, size_hw=(33, 32)))
    assert not can_merge(replace(network, convolutions=(replace(first, pooled=True), second, *others)))
    assert not can_merge(replace(network, convolutions=(first, second)))
    assert can_merge(narrow(classifier("book-features"), ENOUGH))
