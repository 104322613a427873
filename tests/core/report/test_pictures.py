"""Photos in the page are upright, small, and of all labels."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlx.core.photos import load_dataset
from tlx.core.report.pictures import THUMBNAIL_SIDE, fitted, readable_in_turn, thumbnail_uri
from tlx.errors import ImageError


def decoded(address: str) -> Image.Image:
    kind, _, content = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content, validate=True)))


def test_a_thumbnail_is_upright_small_and_in_its_colours(tmp_path: Path) -> None:
    photo = Image.new("RGB", (900, 600), (200, 30, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right
    photo.save(tmp_path / "photo.jpg", exif=exif)
    picture = decoded(thumbnail_uri(tmp_path / "photo.jpg"))
    assert picture.size == (THUMBNAIL_SIDE * 2 // 3, THUMBNAIL_SIDE)
    np.testing.assert_allclose(np.array(picture)[5, 5], (200, 30, 30), atol=6)


def test_small_pictures_are_not_enlarged() -> None:
    image_rgb = np.zeros((3, 500, 3), np.uint8)
    assert fitted(image_rgb[:, :40], 100).shape == (3, 40, 3)
    assert fitted(image_rgb, 100).shape == (1, 100, 3)


def test_a_file_that_is_no_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        thumbnail_uri(tmp_path / "broken.jpg")


def test_photos_are_taken_of_each_label_in_turn_as_far_as_they_are_there(colour_photos: Path) -> None:
    photos = load_dataset(colour_photos).split("train")
    assert [photo.label for photo in readable_in_turn(photos, 3)] == ["blue", "red", "blue"]
    gone = [replace(photo, path=photo.path / "gone") for photo in photos if photo.label == "blue"]
    assert [photo.label for photo in readable_in_turn([*gone, photos[-1]], 3)] == ["red"]
