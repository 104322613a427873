"""What sources give and classifiers take: one picture, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source. It has either ``image_rgb`` or ``error``.

    Attributes:
        source: The file, or the camera.
        image_rgb: ``uint8 [H, W, 3]``, RGB, 0 to 255; None if it couldn't be had.
        error: Why not, on one line without the source's name; None if it could.
        index: Its number in a video or since the camera was opened, from 0; None for a photo.
        captured_s: When it was read, in seconds of the monotonic clock.
        decode_ms: How long it took to get its pixels; None where that can't be told apart from waiting.
    """

    source: str
    image_rgb: npt.NDArray[np.uint8] | None
    error: str | None
    index: int | None
    captured_s: float
    decode_ms: float | None = None


class Source(Protocol):
    """Something that gives frames."""

    @property
    def unit(self) -> str:
        """What one frame is called, as in "3 photos"."""

    @property
    def name_width(self) -> int:
        """The length of the longest name among its frames, for aligning."""

    def frames(self) -> Generator[Frame, None, None]:
        """Its frames in order; what it holds is released when the generator is closed.

        A bad file is a frame with an error, not an exception.

        Raises:
            DeviceError: If it's a camera that can't be opened.
        """
