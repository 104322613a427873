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
from tlx.runtime.drawing import GAP, framed, letterbox, text_line

VIEWS: Final = 5
_SMALLEST_CELL: Final = 96


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
        cells = [letterbox(image_rgb, cell_hw)]
        for number in range(VIEWS + 1):
            key = ViewKey(seed, photo.sha256, number)
            view_rgb = view_of(image_rgb, key, augmentation=augmentation, size_hw=size_hw, resize=resize)
            cells.append(images.resize(view_rgb, cell_hw, "nearest"))
        rows.append(np.hstack([framed(cell) for cell in cells]))
    return framed(np.vstack(rows))


def _titles(cell_width: int) -> npt.NDArray[np.uint8]:
    titles = ("photo", "model sees", *(f"view {number}" for number in range(1, VIEWS + 1)))
    return np.hstack([text_line(title, cell_width + GAP) for title in titles])
