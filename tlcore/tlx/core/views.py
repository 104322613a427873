"""The pixels of a view: one composed affine map and one change of colours.

All geometry is applied at once to the decoded picture, with the stretch to the model's size composed in. What
``resize`` means for view 0 decides how the others are sampled, so that a model doesn't see sharper or softer pictures
in training than in use:

- ``area``: a pixel is the mean of 2 x 2 bilinear samples, taken after an area average to four times the model's size
  where the picture is larger than that;
- ``bilinear`` and ``nearest``: one such sample, from the picture as it is.

Why so, measured by benchmarks/augmentation.py on 200 photos of 500 pixels and less at 150 x 150: spectral power from a
quarter to half a cycle a pixel, over that of the exact average of each turned pixel's footprint, in two bands, is 1.04
and 1.09 this way (0.90 and 0.82 for photos smaller than twice the size), but 0.56 and 0.37 where the resized picture is
warped (blurred twice), and 1.41 and 2.07 where the full one is warped by one sample a pixel (aliased).

Pixels are as reproducible as OpenCV's arithmetic: exact for one version on one kind of processor; on others a
rounding may differ by one level.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.contract import ResizeMethod
from tlx.core.augmentation import Augmentation, Change, Fill, ViewKey, change_for
from tlx.opencv import cv2

_BORDERS: Final[dict[Fill, int]] = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT}
_SAMPLINGS: Final = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
_AREA_SAMPLES: Final = 2  # along each axis of a pixel
_AREA_LEVEL: Final = 4  # times the model's size
_LUMA_OF_RGB: Final = (0.299, 0.587, 0.114)


def view_of(
    image_rgb: npt.NDArray[np.uint8],
    key: ViewKey,
    *,
    augmentation: Augmentation,
    size_hw: tuple[int, int],
    resize: ResizeMethod = "area",
) -> npt.NDArray[np.uint8]:
    """Make one view of a decoded picture.

    Args:
        image_rgb: ``uint8 [H, W, 3]``, the photo that ``key`` names.
        key: Which view.
        augmentation: The ranges of its changes.
        size_hw: Height and width to give, in pixels.
        resize: How view 0 is resized; see :func:`tlx.images.resize`.

    Returns:
        ``uint8 [h, w, 3]``, RGB, 0–255; ``image_rgb`` itself if nothing has to be done.
    """
    return render(image_rgb, change_for(key, augmentation), fill=augmentation.fill, size_hw=size_hw, resize=resize)


def render(
    image_rgb: npt.NDArray[np.uint8],
    change: Change,
    *,
    fill: Fill = "nearest",
    size_hw: tuple[int, int],
    resize: ResizeMethod = "area",
) -> npt.NDArray[np.uint8]:
    """Make the view that ``change`` describes; the arguments and the result are those of :func:`view_of`."""
    if change.is_straight:
        view_rgb = images.resize(image_rgb, size_hw, resize)
        if change.flip:
            view_rgb = np.ascontiguousarray(view_rgb[:, ::-1])
    elif resize == "area":
        samples_hw = (size_hw[0] * _AREA_SAMPLES, size_hw[1] * _AREA_SAMPLES)
        samples_rgb = _warp(_reduced(image_rgb, size_hw), _placing(change, size_hw), samples_hw, fill=fill)
        view_rgb = images.resize(samples_rgb, size_hw, "area")
    else:
        view_rgb = _warp(image_rgb, _placing(change, size_hw), size_hw, fill=fill, sampling=resize)
    return _recolour(view_rgb, change)


def _reduced(image_rgb: npt.NDArray[np.uint8], size_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    height, width = (min(side, _AREA_LEVEL * wanted) for side, wanted in zip(image_rgb.shape[:2], size_hw, strict=True))
    return images.resize(image_rgb, (height, width), "area")


def _placing(change: Change, size_hw: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The map from a place in the view to the place in the photo that it shows.

    Places are (x, y, 1): shares of the width and the height, from the middle. Angles are those of the stretched
    picture, so they depend on ``size_hw``. Rotation · shift · shear · zoom · mirror is the order of Keras's
    ``ImageDataGenerator``; its shear tilts the rows in Keras 2.0.8 and the columns in today's.
    """
    height, width = size_hw
    to_pixels = np.diag([width, height, 1.0])
    to_shares = np.diag([1 / width, 1 / height, 1.0])
    angle, tilt = math.radians(change.rotation_degrees), math.radians(change.shear_degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shift = np.array([[1, 0, -change.shift_right], [0, 1, -change.shift_down], [0, 0, 1]])
    shear = np.array([[math.cos(tilt), 0, 0], [-math.sin(tilt), 1, 0], [0, 0, 1]])
    zoom = np.diag([-change.zoom_x if change.flip else change.zoom_x, change.zoom_y, 1.0])
    return np.asarray(to_shares @ rotation @ to_pixels @ shift @ to_shares @ shear @ to_pixels @ zoom)


def _pixels(size_hw: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The map from places to pixels; (0, 0) is the middle of the first pixel."""
    height, width = size_hw
    return np.array([[width, 0, (width - 1) / 2], [0, height, (height - 1) / 2], [0, 0, 1]])


def _warp(
    image_rgb: npt.NDArray[np.uint8],
    placing: npt.NDArray[np.float64],
    size_hw: tuple[int, int],
    *,
    fill: Fill,
    sampling: Literal["bilinear", "nearest"] = "bilinear",
) -> npt.NDArray[np.uint8]:
    matrix = _pixels(image_rgb.shape[:2]) @ placing @ np.linalg.inv(_pixels(size_hw))
    warped = cv2.warpAffine(
        np.ascontiguousarray(image_rgb),
        matrix[:2],
        size_hw[::-1],
        flags=_SAMPLINGS[sampling] | cv2.WARP_INVERSE_MAP,
        borderMode=_BORDERS[fill],
    )
    return np.asarray(warped, dtype=np.uint8)


def _recolour(view_rgb: npt.NDArray[np.uint8], change: Change) -> npt.NDArray[np.uint8]:
    """Saturation, then contrast, then brightness, as one affine map of colours, rounded and clipped once."""
    if (change.brightness, change.contrast, change.saturation) == (0, 1, 1):
        return view_rgb
    mean_rgb = np.array(cv2.mean(view_rgb)[:3])
    saturating = change.saturation * np.eye(3) + (1 - change.saturation) * np.array([_LUMA_OF_RGB])
    added = (1 - change.contrast) * saturating @ mean_rgb + 255 * change.brightness
    colours = np.column_stack([change.contrast * saturating, added])
    recoloured = cv2.transform(view_rgb.astype(np.float32), colours)
    return np.clip(np.rint(recoloured), 0, 255).astype(np.uint8)
