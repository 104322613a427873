"""The demo's video: a camera that glides over each photograph's test strip, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.demo.photographs import ROWS_OF_SPLIT, TILE_PIXELS
from tlx.errors import OutputError
from tlx.opencv import cv2

FRAMES_PER_LABEL: Final = 30
FRAMES_PER_SECOND: Final = 15.0
FRAME_PIXELS: Final = 256
# Motion JPEG: every OpenCV wheel writes it, and it blurs no texture.
_CODEC: Final = "MJPG"


def glide(photograph_rgb: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    """The views of one photograph, each ``uint8 [64, 64, 3]`` RGB, from corner to corner of its test strip."""
    rows = ROWS_OF_SPLIT["test"]
    way_down = rows.stop - rows.start - TILE_PIXELS
    way_right = photograph_rgb.shape[1] - TILE_PIXELS
    for step in np.linspace(0, 1, FRAMES_PER_LABEL):
        top, left = rows.start + round(way_down * step), round(way_right * step)
        yield photograph_rgb[top : top + TILE_PIXELS, left : left + TILE_PIXELS]


def write_video(photographs: dict[str, npt.NDArray[np.uint8]], path: Path) -> list[str]:
    """Write the video.

    Args:
        photographs: By label, ``uint8 [512, 512, 3]`` RGB.
        path: Of the file; its suffix names the container (.avi).

    Returns:
        The label of each frame.

    Raises:
        OutputError: If it can't be written.
    """
    labels: list[str] = []
    with atomic.replacing(path) as temporary:
        writer = cv2.VideoWriter(
            str(temporary), cv2.VideoWriter.fourcc(*_CODEC), FRAMES_PER_SECOND, (FRAME_PIXELS, FRAME_PIXELS)
        )
        try:
            if not writer.isOpened():
                raise OutputError(f"{path}: OpenCV can't write Motion JPEG videos here: reinstall opencv-python")
            for label, photograph_rgb in photographs.items():
                for view_rgb in glide(photograph_rgb):
                    frame_rgb = cv2.resize(view_rgb, (FRAME_PIXELS, FRAME_PIXELS), interpolation=cv2.INTER_CUBIC)
                    writer.write(cv2.cvtColor(frame_rgb, cv2.COLOR_RGB2BGR))
                    labels.append(label)
        finally:
            writer.release()
    return labels
