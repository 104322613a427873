"""What is wrong with a picture as such: it shows nothing, or always the same."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.opencv import cv2
from tlx.runtime.capture.messages import Picture
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.frames import State

_SAMPLES: Final = 256
_BLOCKS: Final = 16
_MAX_BLOCK_SPREAD: Final = 4.0
_MAX_DEVIATION: Final = 6.0
_BLACK: Final = 24
_SPARSE: Final = 16


def single_colour(image_rgb: npt.NDArray[np.uint8]) -> tuple[int, int, int] | None:
    """The colour that all of a picture has; None if it shows something.

    A sensor in the dark still gives noise, so it looks at two things: how far single pixels are from the mean (a few
    levels), and how far the means of 16 x 16 blocks are from each other, where noise averages out and a dim scene
    doesn't.

    Args:
        image_rgb: ``uint8 [H, W, 3]``.
    """
    rows, columns = (max(1, side // _SAMPLES) for side in image_rgb.shape[:2])
    sample = np.ascontiguousarray(image_rgb[::rows, ::columns])
    mean, deviation = cv2.meanStdDev(sample)
    if float(deviation.max()) > _MAX_DEVIATION:
        return None
    height, width = (min(side, _BLOCKS) for side in sample.shape[:2])
    blocks = cv2.resize(sample.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    if float(np.ptp(blocks, axis=(0, 1)).max()) > _MAX_BLOCK_SPREAD:
        return None
    red, green, blue = (round(float(value)) for value in mean.ravel())
    return red, green, blue


class Sameness:
    """For how long pictures have been exactly the same one."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def step(
        self, image_rgb: npt.NDArray[np.uint8], previous_rgb: npt.NDArray[np.uint8] | None, captured_s: float
    ) -> float:
        """Look at the next picture.

        Args:
            image_rgb: ``uint8 [H, W, 3]``.
            previous_rgb: The one before; None if this is the first.
            captured_s: When it was captured, in seconds.

        Returns:
            Seconds since the first of a row of equal pictures; 0 if it differs from the one before.
        """
        if self._since_s is None or previous_rgb is None or not is_same(image_rgb, previous_rgb):
            self._since_s = captured_s
        return captured_s - self._since_s


def is_same(one_rgb: npt.NDArray[np.uint8], other_rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether two pictures are equal in every pixel; mostly told by a few of their rows."""
    return np.array_equal(one_rgb[::_SPARSE], other_rgb[::_SPARSE]) and np.array_equal(one_rgb, other_rgb)


def judge_picture(picture: Picture, settings: CaptureSettings) -> tuple[State, str | None]:
    """The state that a picture stands for, and why it isn't ``live``."""
    if picture.colour_rgb is not None:
        is_black = max(picture.colour_rgb) <= _BLACK
        colour = "black" if is_black else "of a single colour, rgb({}, {}, {})".format(*picture.colour_rgb)
        return State.BLANK, f"the picture is {colour}"
    if picture.same_for_s >= settings.frozen_after_s:
        return State.FROZEN, f"exactly the same picture for {picture.same_for_s:.1f} s"
    return State.LIVE, None
