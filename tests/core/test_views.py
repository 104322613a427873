"""Views are what Keras makes of the same amounts, sampled as the plain resize is, and the same every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from tlx.contract import ResizeMethod
from tlx.core.augmentation import BOOK, DEFAULT, NONE, Augmentation, Change, Fill, ViewKey, change_for
from tlx.core.views import render, view_of
from tlx.images import read, resize
from tlx.opencv import cv2

SIZE_HW = (150, 150)
KEY = ViewKey(0, "ab" * 32, 1)
METHODS = get_args(ResizeMethod)

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def photo_rgb(photos_dir: Path) -> Image:
    """A real photo, 450 x 450 of its pixels' worth, so that it is three times SIZE_HW."""
    return resize(read(sorted((photos_dir / "train" / "cats").iterdir())[3]), (450, 450))


def checkered(size_hw: tuple[int, int] = (61, 83)) -> Image:
    """A picture by formula, for what needs no photo."""
    y, x = np.indices(size_hw)
    return np.stack([x * 3 % 256, y * 4 % 256, (x * y) % 256], axis=-1).astype(np.uint8)


def root_mean_square(difference: npt.NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(difference.astype(np.float64)))))


def by_layer(layer: Any, image_rgb: Image) -> npt.NDArray[np.float64]:
    return np.asarray(layer(image_rgb.astype(np.float32), training=True), np.float64)


def rotation(fill: Fill) -> Any:
    import keras

    return keras.layers.RandomRotation((30 / 360, 30 / 360), fill_mode=fill)


def translation(fill: Fill) -> Any:
    import keras

    return keras.layers.RandomTranslation((0.123, 0.123), (-0.171, -0.171), fill_mode=fill)


def zoom(fill: Fill) -> Any:
    import keras

    return keras.layers.RandomZoom((0.2, 0.2), (-0.15, -0.15), fill_mode=fill)


GEOMETRY = {
    "rotation": (Change(rotation_degrees=30), rotation),
    "translation": (Change(shift_down=0.123, shift_right=-0.171), translation),
    "zoom": (Change(zoom_y=1.2, zoom_x=0.85), zoom),
}


@pytest.mark.parametrize("size_hw", [(150, 150), (120, 200)])
@pytest.mark.parametrize("fill", get_args(Fill))
@pytest.mark.parametrize(("change", "layer"), GEOMETRY.values(), ids=GEOMETRY)
def test_geometry_is_that_of_keras_layers(
    photo_rgb: Image, change: Change, layer: Callable[[Fill], Any], fill: Fill, size_hw: tuple[int, int]
) -> None:
    resized = resize(photo_rgb, size_hw)
    expected = by_layer(layer(fill), resized)
    difference = render(resized, change, fill=fill, size_hw=size_hw, resize="bilinear") - expected
    assert root_mean_square(difference) < 0.35  # rounding alone gives 0.29
    assert np.abs(difference).max() < 0.6
    assert root_mean_square(expected - resized) > 10


def test_flip_is_that_of_keras_layer(photo_rgb: Image) -> None:
    import keras

    resized = resize(photo_rgb, SIZE_HW)
    batch = np.asarray(keras.layers.RandomFlip("horizontal", seed=0)(np.stack([resized] * 16), training=True))
    mirrored = [picture for picture in batch if not np.array_equal(picture, resized)]
    assert 0 < len(mirrored) < 16
    flipped = render(resized, Change(flip=True), size_hw=SIZE_HW)
    assert all(np.array_equal(flipped, picture) for picture in mirrored)


def by_generator(image_rgb: Image, **amounts: float) -> npt.NDArray[np.float64]:
    """What the ImageDataGenerator of Keras 2.0.8 did (apart from its middle, which was off by a pixel).

    Its matrices were of (row, column); today's Keras uses the same ones for (x, y), so it's given the transposed
    picture, and gets its sides' middles right only if they are equal.
    """
    from keras.src.legacy.preprocessing.image import apply_affine_transform

    transposed = image_rgb.astype(np.float64).transpose(1, 0, 2)
    made = apply_affine_transform(transposed, row_axis=0, col_axis=1, channel_axis=2, **amounts)
    return np.asarray(made.transpose(1, 0, 2))


GENERATOR = {
    "rotation": (Change(rotation_degrees=-35), {"theta": 35}),
    "shift": (Change(shift_down=-0.1, shift_right=0.2), {"tx": 0.1, "ty": -0.2}),
    "shear": (Change(shear_degrees=11.46), {"shear": 11.46}),
    "zoom": (Change(zoom_y=0.8, zoom_x=1.2), {"zx": 0.8, "zy": 1.2}),
    "all": (
        Change(
            rotation_degrees=-20, shift_down=-0.1, shift_right=0.2, shear_degrees=-9, zoom_y=0.8, zoom_x=1.2, flip=True
        ),
        {"theta": 20, "tx": 0.1, "ty": -0.2, "shear": -9, "zx": 0.8, "zy": 1.2},
    ),
}


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")  # inside Keras
@pytest.mark.parametrize(("change", "amounts"), GENERATOR.values(), ids=GENERATOR)
def test_geometry_is_that_of_the_books_generator(photo_rgb: Image, change: Change, amounts: dict[str, float]) -> None:
    def expected(image_rgb: Image) -> npt.NDArray[np.float64]:
        side = image_rgb.shape[0]
        scaled = {name: amount * side if name in {"tx", "ty"} else amount for name, amount in amounts.items()}
        made = by_generator(image_rgb, **scaled)
        return made[:, ::-1] if change.flip else made

    resized = resize(photo_rgb, SIZE_HW)
    difference = render(resized, change, size_hw=SIZE_HW, resize="bilinear") - expected(resized)
    assert root_mean_square(difference) < 0.35
    assert np.abs(difference).max() < 0.6
    # Straight from the larger photo: Keras in full size, then made smaller.
    made_smaller = resize(np.rint(expected(photo_rgb)).astype(np.uint8), SIZE_HW)
    assert root_mean_square(render(photo_rgb, change, size_hw=SIZE_HW) - made_smaller.astype(np.float64)) < 2


def brightness(image_rgb: Image) -> npt.NDArray[np.float64]:
    import keras

    return by_layer(keras.layers.RandomBrightness((-0.2, -0.2)), image_rgb)


def contrast(image_rgb: Image) -> npt.NDArray[np.float64]:
    import keras

    layer = keras.layers.RandomContrast(0.5)
    made = layer.transform_images(image_rgb.astype(np.float32), {"contrast_factor": np.float32(1.4)})
    return np.asarray(made, np.float64)


def less_saturation(image_rgb: Image) -> npt.NDArray[np.float64]:
    import keras

    return by_layer(keras.layers.RandomColorDegeneration((0.4, 0.4)), image_rgb)


def more_saturation(image_rgb: Image) -> npt.NDArray[np.float64]:
    from PIL import Image as Pillow
    from PIL import ImageEnhance

    return np.asarray(ImageEnhance.Color(Pillow.fromarray(image_rgb)).enhance(1.5), np.float64)


@pytest.mark.parametrize(
    ("change", "made_by", "tolerance"),
    [
        (Change(brightness=-0.2), brightness, 0.51),
        (Change(contrast=1.4), contrast, 0.51),
        (Change(saturation=0.6), less_saturation, 0.55),  # Keras's weights of the colours sum to 0.9999
        (Change(saturation=1.5), more_saturation, 2),  # Pillow rounds the gray and cuts the rest
    ],
    ids=["brightness", "contrast", "less saturation", "more saturation"],
)
def test_colours_are_those_of_keras_and_pillow(
    photo_rgb: Image, change: Change, made_by: Callable[[Image], npt.NDArray[np.float64]], tolerance: float
) -> None:
    resized = resize(photo_rgb, SIZE_HW)
    expected = made_by(resized)
    assert np.abs(render(resized, change, size_hw=SIZE_HW) - expected).max() <= tolerance
    assert root_mean_square(expected - resized) > 3


def test_colours_are_clipped_once() -> None:
    """Darker, then brighter than white, by two changes that cancel: nothing is lost on the way."""
    image_rgb = np.full((8, 8, 3), (250, 128, 10), np.uint8)
    image_rgb[:4] = (5, 128, 245)
    mean = image_rgb.reshape(-1, 3).mean(0)
    expected = np.clip((image_rgb - mean) * 0.5 + mean + 51, 0, 255)
    view = render(image_rgb, Change(brightness=0.2, contrast=0.5), size_hw=(8, 8))
    assert np.abs(view - expected).max() <= 0.5


@pytest.mark.parametrize("method", METHODS)
def test_view_0_is_the_plain_resize(photo_rgb: Image, method: ResizeMethod) -> None:
    plain = resize(photo_rgb, (100, 140), method)
    key = replace(KEY, number=0)
    assert np.array_equal(view_of(photo_rgb, key, augmentation=BOOK, size_hw=(100, 140), resize=method), plain)
    assert np.array_equal(view_of(photo_rgb, KEY, augmentation=NONE, size_hw=(100, 140), resize=method), plain)


@pytest.mark.parametrize("method", METHODS)
def test_a_view_is_the_plain_resize_when_hardly_turned(photo_rgb: Image, method: ResizeMethod) -> None:
    plain = resize(photo_rgb, SIZE_HW, method)
    view = render(photo_rgb, Change(rotation_degrees=1e-3), size_hw=SIZE_HW, resize=method)
    assert root_mean_square(view - plain.astype(np.float64)) < 1.5


def test_a_turned_view_is_as_sharp_as_the_plain_resize(photo_rgb: Image) -> None:
    def sharpness(image_rgb: npt.NDArray[Any]) -> float:
        return float(np.var(cv2.Laplacian(image_rgb.astype(np.float32), cv2.CV_32F)[30:-30, 30:-30]))

    change = Change(rotation_degrees=17)
    samples = render(photo_rgb, change, size_hw=(1200, 1200), resize="nearest")
    exact = samples.reshape(150, 8, 150, 8, 3).mean((1, 3))
    twice_blurred = render(resize(photo_rgb, SIZE_HW), change, size_hw=SIZE_HW, resize="bilinear")
    aliased = render(photo_rgb, change, size_hw=SIZE_HW, resize="bilinear")
    view = render(photo_rgb, change, size_hw=SIZE_HW)
    assert sharpness(view) / sharpness(exact) == pytest.approx(1, abs=0.1)
    assert sharpness(twice_blurred) / sharpness(exact) < 0.8
    assert sharpness(aliased) / sharpness(exact) > 1.2
    assert root_mean_square(view - exact) < 2


def test_the_same_arguments_give_the_same_bytes_in_any_process() -> None:
    image_rgb = checkered()
    before = image_rgb.copy()
    views = [view_of(image_rgb, KEY, augmentation=DEFAULT, size_hw=(40, 48)) for _ in range(2)]
    assert np.array_equal(views[0], views[1])
    assert np.array_equal(image_rgb, before)
    program = """
import hashlib, sys
import numpy as np
from tlx.core.augmentation import DEFAULT, ViewKey
from tlx.core.views import view_of
y, x = np.indices((61, 83))
image_rgb = np.stack([x * 3 % 256, y * 4 % 256, (x * y) % 256], axis=-1).astype(np.uint8)
view = view_of(image_rgb, ViewKey(0, "ab" * 32, 1), augmentation=DEFAULT, size_hw=(40, 48))
print(hashlib.sha256(view.tobytes()).hexdigest(), "tensorflow" in sys.modules, "keras" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [hashlib.sha256(views[0].tobytes()).hexdigest(), "False", "False"]


def test_views_differ_from_each_other_and_between_photos() -> None:
    image_rgb = checkered()
    keys = [ViewKey(seed, photo, number) for seed in (0, 1) for photo in ("ab", "cd") for number in range(1, 6)]
    views = {view_of(image_rgb, key, augmentation=BOOK, size_hw=(40, 48)).tobytes() for key in keys}
    assert len(views) == 20


def test_half_of_the_views_are_mirrored_and_nothing_else() -> None:
    image_rgb = checkered()
    plain = resize(image_rgb, (40, 48))
    only_flip = Augmentation(horizontal_flip=True)
    views = [
        view_of(image_rgb, replace(KEY, number=n), augmentation=only_flip, size_hw=(40, 48)) for n in range(1, 201)
    ]
    kept = sum(np.array_equal(view, plain) for view in views)
    mirrored = sum(np.array_equal(view, plain[:, ::-1]) for view in views)
    assert kept + mirrored == 200
    assert 70 < mirrored < 130


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size_hw", [(1, 1), (2, 2), (3, 500), (500, 3), (1, 40_000)])
def test_pictures_of_any_shape_work(size_hw: tuple[int, int], method: ResizeMethod) -> None:
    image_rgb = checkered(size_hw)
    for number in range(4):
        key = replace(KEY, number=number)
        view = view_of(image_rgb, key, augmentation=DEFAULT, size_hw=(33, 47), resize=method)
        assert view.shape == (33, 47, 3)
        assert view.dtype == np.uint8
        assert view.flags.c_contiguous


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_of_one_colour_keeps_it_under_geometry(method: ResizeMethod) -> None:
    view = view_of(np.full((1, 1, 3), (7, 200, 90), np.uint8), KEY, augmentation=BOOK, size_hw=(5, 9), resize=method)
    assert (view == (7, 200, 90)).all()


def test_a_gray_picture_stays_gray() -> None:
    image_rgb = np.repeat(checkered()[..., :1], 3, axis=2)
    for number in range(1, 20):
        view = view_of(image_rgb, replace(KEY, number=number), augmentation=DEFAULT, size_hw=(40, 48)).astype(int)
        assert np.ptp(view, axis=2).max() <= 1


def test_a_slice_of_another_array_works() -> None:
    whole = checkered((80, 100))
    part = whole[10:70:2, 5:95, ::-1]
    change = change_for(KEY, BOOK)
    for method in METHODS:
        view = render(part, change, size_hw=(32, 32), resize=method)
        assert np.array_equal(view, render(part.copy(), change, size_hw=(32, 32), resize=method))
