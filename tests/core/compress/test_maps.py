"""Maps of many photos: the same however they are cut, and no more of them at once than there's room for."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.narrow_networks import classifier, narrow

from tlx.core.compress import maps as maps_module
from tlx.core.compress.maps import HELD_BYTES, Places, advance, bytes_a_photo, normalized, photos_that_fit
from tlx.core.compress.plain import PlainNetwork, read_network
from tlx.core.compress.pruning import Looks, prune

Pictures = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def network() -> PlainNetwork:
    return narrow(classifier("default"))


@pytest.mark.parametrize(("size", "photos"), [(32, 256), (112, 256), (150, 248), (224, 111), (448, 32), (640, 32)])
def test_of_large_pictures_fewer_fit(size: int, photos: int) -> None:
    vgg16 = replace(read_network(classifier("default")), size_hw=(size, size))
    assert photos_that_fit(vgg16, 256) == photos
    if photos > 32:
        assert photos * bytes_a_photo(vgg16) <= HELD_BYTES


def test_fewer_photos_give_more_places_each() -> None:
    maps = np.zeros((256, 64, 64, 1), np.float32)
    for photos in (256, 111, 32):
        rows = sum(len(part) for part in Places(photos, (64, 64), 16_000, 0).patches(maps[:photos]))
        assert 0.98 * 16_000 < rows <= 16_000


def test_pruning_holds_no_more_than_is_said(network: PlainNetwork, pictures: Pictures) -> None:
    photos = np.repeat(np.repeat(np.repeat(pictures, 2, axis=0), 3, axis=1), 3, axis=2)
    large = replace(network, size_hw=photos.shape[1:3])
    kept = [np.arange(width) for width in large.channels]
    kept[-1] = kept[-1][1:]
    prune(large, kept, photos[:2], Looks(600))  # imports and compiled convolutions
    tracemalloc.start()
    try:
        prune(large, kept, photos, Looks(600))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected_bytes = len(photos) * bytes_a_photo(large)
    assert 0.9 * expected_bytes < peak_bytes < 1.15 * expected_bytes


def test_the_parts_in_which_photos_run_change_nothing(
    network: PlainNetwork, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = normalized(network, pictures)
    for layer in network.convolutions[:2]:
        together = advance(layer, maps)
        with monkeypatch.context() as patch:
            patch.setattr(maps_module, "_CHUNK_BYTES", 0)
            one_by_one = advance(layer, maps)
        np.testing.assert_allclose(one_by_one, together, rtol=1e-5, atol=1e-5 * np.abs(together).max())
        maps = together
