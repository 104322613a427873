"""The one resize."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tlx import images
from tlx.contract import ResizeMethod


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_resize_area_averages_whole_blocks() -> None:
    image_rgb = noise(60, 90)
    means = image_rgb.reshape(20, 3, 18, 5, 3).mean(axis=(1, 3))
    assert np.abs(images.resize(image_rgb, (20, 18)) - means).max() <= 0.5


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 5), (31, 44), (150, 150), (299, 3)])
@pytest.mark.parametrize("shape", [(1, 1), (30, 44), (101, 67), (375, 500)])
def test_resize_nearest_takes_the_pixels_that_pillow_and_keras_take(
    shape: tuple[int, int], size_hw: tuple[int, int]
) -> None:
    image_rgb = noise(*shape)
    expected = Image.fromarray(image_rgb).resize((size_hw[1], size_hw[0]), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(images.resize(image_rgb, size_hw, "nearest"), expected)


def test_resize_bilinear_looks_at_the_neighbours_only() -> None:
    image_rgb = np.zeros((1, 4, 3), np.uint8)
    image_rgb[0, 2:] = 200
    np.testing.assert_array_equal(
        images.resize(image_rgb, (1, 8), "bilinear")[0, :, 0], [0, 0, 0, 50, 150, 200, 200, 200]
    )


@pytest.mark.parametrize("method", ["area", "bilinear", "nearest"])
def test_resize_stretches_to_any_shape(method: ResizeMethod) -> None:
    image_rgb = np.broadcast_to(np.array([250, 128, 3], np.uint8), (40, 100, 3))
    for size_hw in ((150, 150), (10, 20), (1, 300), (40, 7)):
        small = images.resize(image_rgb, size_hw, method)
        assert small.shape == (*size_hw, 3)
        assert small.dtype == np.uint8
        assert small.flags.c_contiguous
        assert (small == [250, 128, 3]).all()


@pytest.mark.parametrize("method", ["area", "bilinear", "nearest"])
def test_resize_reads_views_and_leaves_them_alone(method: ResizeMethod) -> None:
    image_rgb = noise(64, 96)
    for view in (image_rgb[::-1], image_rgb[:, ::2], image_rgb[..., ::-1], image_rgb.transpose(1, 0, 2)):
        before = view.copy()
        np.testing.assert_array_equal(images.resize(view, (20, 30), method), images.resize(before, (20, 30), method))
        np.testing.assert_array_equal(view, before)


def test_resize_gives_the_picture_itself_when_its_size_is_right() -> None:
    image_rgb = noise(20, 30)
    assert images.resize(image_rgb, (20, 30)) is image_rgb


@pytest.mark.parametrize(
    ("image_rgb", "size_hw", "method", "error", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), (2, 2), "area", TypeError, "resize needs a picture of uint8, got float32"),
        ([[1]], (2, 2), "area", TypeError, "resize needs a picture of uint8, got list"),
        (np.zeros((4, 4), np.uint8), (2, 2), "area", ValueError, "of the shape [H, W, 3], got [4, 4]"),
        (np.zeros((4, 4, 4), np.uint8), (2, 2), "area", ValueError, "of the shape [H, W, 3], got [4, 4, 4]"),
        (np.zeros((0, 4, 3), np.uint8), (2, 2), "area", ValueError, "of the shape [H, W, 3], got [0, 4, 3]"),
        (np.zeros((4, 4, 3), np.uint8), (0, 2), "area", ValueError, "a width of at least 1, got 0 and 2"),
        (np.zeros((4, 4, 3), np.uint8), (2.0, 2), "area", TypeError, "cannot be interpreted as an integer"),
        (np.zeros((4, 4, 3), np.uint8), (4, 4), "cubic", ValueError, "area, bilinear, nearest, got 'cubic'"),
    ],
)
def test_resize_refuses_what_is_not_a_picture_or_a_size(
    image_rgb: Any, size_hw: Any, method: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        images.resize(image_rgb, size_hw, method)
    assert message in str(caught.value)
