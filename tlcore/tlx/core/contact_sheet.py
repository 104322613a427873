"""A picture of what augmentation does: photos, each beside what the model sees of it and some of its views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.contract import ResizeMethod
from tlx.core.augmentation import Augmentation, ViewKey
from tlx.core.photos import Photo
from tlx.core.views import view_of
from tlx.opencv import cv2

VIEWS: Final = 5
_GAP: Final = 6
_TITLE_HEIGHT: Final = 22
_SMALLEST_CELL: Final = 96
_BACKGROUND: Final = 255
_INK: Final = (60, 60, 60)


def contact_sheet(
    photos: Sequence[Photo],
    *,
    augmentation: Augmentation,
    seed: int,
    size_hw: tuple[int, int],
    resize: ResizeMethod = "area",
) -> npt.NDArray[np.uint8]:
    """Draw one row a photo: the photo, the plain resize (view 0), and views 1 to :data:`VIEWS`, under titles.

    Args:
        photos: At least one.
        augmentation: As in training.
        seed: As in training.
        size_hw: What the model takes; views are drawn in this size (small ones enlarged to be seen).
        resize: As in training.

    Returns:
        ``uint8 [H, W, 3]``, RGB, on white.

    Raises:
        ImageError: If a photo can't be read.
        ValueError: If there is none.
    """
    if not photos:
        raise ValueError("expected at least one photo")
    enlarged = -(-_SMALLEST_CELL // min(size_hw))
    cell_hw = (size_hw[0] * enlarged, size_hw[1] * enlarged)
    rows = [_titles(cell_hw[1])]
    for photo in photos:
        image_rgb = images.read(photo.path)
        cells = [_letterbox(image_rgb, cell_hw)]
        for number in range(VIEWS + 1):
            key = ViewKey(seed, photo.sha256, number)
            view_rgb = view_of(image_rgb, key, augmentation=augmentation, size_hw=size_hw, resize=resize)
            cells.append(images.resize(view_rgb, cell_hw, "nearest"))
        rows.append(np.hstack([_framed(cell) for cell in cells]))
    return _framed(np.vstack(rows))


def _framed(image_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    edge = _GAP // 2
    return np.pad(image_rgb, ((edge, edge), (edge, edge), (0, 0)), constant_values=_BACKGROUND)


def _letterbox(image_rgb: npt.NDArray[np.uint8], cell_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The whole picture, undistorted, in the middle of a white cell."""
    scale = min(cell / side for cell, side in zip(cell_hw, image_rgb.shape[:2], strict=True))
    height, width = (max(1, round(side * scale)) for side in image_rgb.shape[:2])
    cell = np.full((*cell_hw, 3), _BACKGROUND, np.uint8)
    top, left = (cell_hw[0] - height) // 2, (cell_hw[1] - width) // 2
    cell[top : top + height, left : left + width] = images.resize(image_rgb, (height, width))
    return cell


def _titles(cell_width: int) -> npt.NDArray[np.uint8]:
    titles = ("photo", "model sees", *(f"view {number}" for number in range(1, VIEWS + 1)))
    cells = []
    for title in titles:
        cell = np.full((_TITLE_HEIGHT, cell_width + 2 * (_GAP // 2), 3), _BACKGROUND, np.uint8)
        font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.45
        (width, _), _ = cv2.getTextSize(title, font, size, 1)
        cv2.putText(cell, title, ((cell.shape[1] - width) // 2, 15), font, size, _INK, 1, cv2.LINE_AA)
        cells.append(cell)
    return np.hstack(cells)
