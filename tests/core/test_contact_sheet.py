"""The contact sheet shows each photo, what the model sees of it, and the very views that training takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tlx.core.augmentation import DEFAULT, ViewKey
from tlx.core.contact_sheet import VIEWS, contact_sheet
from tlx.core.photos import Photo, load_dataset
from tlx.core.views import view_of
from tlx.errors import ImageError
from tlx.images import read, resize

SIZE_HW = (100, 120)


@pytest.fixture(scope="module")
def photos(colour_photos: Path) -> list[Photo]:
    return load_dataset(colour_photos).split("train")[10:13]


def holds(sheet_rgb: npt.NDArray[np.uint8], part_rgb: npt.NDArray[np.uint8]) -> bool:
    height, width = part_rgb.shape[:2]
    for top, row in enumerate(sheet_rgb):
        place = row.tobytes().find(part_rgb[0].tobytes())
        if place >= 0 and np.array_equal(sheet_rgb[top : top + height, place // 3 : place // 3 + width], part_rgb):
            return True
    return False


def test_a_sheet_holds_the_views_of_training(photos: list[Photo]) -> None:
    sheet_rgb = contact_sheet(photos, augmentation=DEFAULT, seed=3, size_hw=SIZE_HW)
    assert sheet_rgb.dtype == np.uint8
    assert sheet_rgb.shape[0] > len(photos) * SIZE_HW[0]
    assert sheet_rgb.shape[1] > (2 + VIEWS) * SIZE_HW[1]
    for photo in photos:
        image_rgb = read(photo.path)
        assert holds(sheet_rgb, resize(image_rgb, SIZE_HW))
        for number in range(1, VIEWS + 1):
            key = ViewKey(3, photo.sha256, number)
            assert holds(sheet_rgb, view_of(image_rgb, key, augmentation=DEFAULT, size_hw=SIZE_HW))


def test_a_sheet_is_the_same_every_time_and_follows_the_seed(photos: list[Photo]) -> None:
    sheets = [contact_sheet(photos[:1], augmentation=DEFAULT, seed=seed, size_hw=SIZE_HW) for seed in (0, 0, 1)]
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_small_views_are_enlarged_to_be_seen(photos: list[Photo]) -> None:
    sheet_rgb = contact_sheet(photos[:1], augmentation=DEFAULT, seed=0, size_hw=(32, 48))
    plain = resize(read(photos[0].path), (32, 48))
    assert holds(sheet_rgb, np.repeat(np.repeat(plain, 3, axis=0), 3, axis=1))


def test_a_sheet_needs_photos_that_can_be_read(photos: list[Photo], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        contact_sheet([], augmentation=DEFAULT, seed=0, size_hw=SIZE_HW)
    with pytest.raises(ImageError, match=r"gone\.jpg"):
        contact_sheet([replace(photos[0], path=tmp_path / "gone.jpg")], augmentation=DEFAULT, seed=0, size_hw=SIZE_HW)
