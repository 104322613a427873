"""Small parts of which sheets of photos are made: frames, cells and lines of text, on white."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.opencv import cv2

Image = npt.NDArray[np.uint8]

GAP: Final = 6
"""Pixels between two framed pictures."""
LINE_HEIGHT: Final = 22
_WHITE: Final = 255
_INK: Final = (60, 60, 60)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE: Final = 0.45
_BASELINE: Final = 15


def framed(image_rgb: Image) -> Image:
    """A picture, ``uint8 [H, W, 3]``, with half of :data:`GAP` around it."""
    edge = GAP // 2
    return np.pad(image_rgb, ((edge, edge), (edge, edge), (0, 0)), constant_values=_WHITE)


def blank(size_hw: tuple[int, int]) -> Image:
    """White, ``uint8 [H, W, 3]``."""
    return np.full((*size_hw, 3), _WHITE, np.uint8)


def letterbox(image_rgb: Image, cell_hw: tuple[int, int]) -> Image:
    """The whole picture, undistorted, in the middle of a white cell, ``uint8 [H, W, 3]``."""
    scale = min(cell / side for cell, side in zip(cell_hw, image_rgb.shape[:2], strict=True))
    height, width = (max(1, round(side * scale)) for side in image_rgb.shape[:2])
    cell = blank(cell_hw)
    top, left = (cell_hw[0] - height) // 2, (cell_hw[1] - width) // 2
    cell[top : top + height, left : left + width] = images.resize(image_rgb, (height, width))
    return cell


def text_line(text: str, width: int) -> Image:
    """One centred line, ``uint8`` [:data:`LINE_HEIGHT`, width, 3]; of a long one its beginning and its end."""
    shown, kept = text, len(text)
    while kept > 2 and _text_width(shown) > width:  # noqa: PLR2004 - a character on each side of the dots
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
    line = blank((LINE_HEIGHT, width))
    cv2.putText(line, shown, ((width - _text_width(shown)) // 2, _BASELINE), _FONT, _FONT_SCALE, _INK, 1, cv2.LINE_AA)
    return line


def _text_width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    return int(width)
