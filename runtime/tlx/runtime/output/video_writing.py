"""A video file that is whole or not there.

OpenCV's writer tells nobody of a full disk: what FFmpeg couldn't write is missing, and the file has no end. So it's
written under a temporary name, its pictures are counted afterwards, and only then does it take its own name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.errors import OutputError
from tlx.opencv import cv2

CODECS: Final = {".webm": "VP80", ".mkv": "VP80", ".avi": "MJPG"}
"""What is written into which kind of file. VP9 takes four times as long, and OpenCV's wheel can't write H.264."""

RESERVE_BYTES: Final = 64 * 2**20
"""What is left free on the disk: enough to finish the file, and for the rest of the machine to go on."""


class VideoFile:
    """A video while it's written: constant rate, constant size.

    Use :meth:`finish` or :meth:`discard` at the end, whatever happens.

    Attributes:
        path: Its name, which it has from :meth:`finish` on.
        size_wh: Width and height, in pixels, both even.
    """

    def __init__(
        self, path: Path, rate: float, size_wh: tuple[int, int], *, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Begin.

        Args:
            path: What it will be called; its suffix is one of :data:`CODECS`.
            rate: Pictures a second.
            size_wh: Width and height, in pixels; rounded down to even ones, as the codecs need it.
            reserve_bytes: How much is to stay free on the disk.

        Raises:
            OutputError: If it can't be written there.
        """
        self.path = path
        self.size_wh = (max(2, size_wh[0] // 2 * 2), max(2, size_wh[1] // 2 * 2))
        self._reserve_bytes = reserve_bytes
        self._begun = self._written = 0
        self._until = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            self._temporary = opened.enter_context(atomic.replacing(path))
            fourcc = cv2.VideoWriter.fourcc(*CODECS[path.suffix.lower()])
            with _muted():
                self._writer = cv2.VideoWriter(str(self._temporary), cv2.CAP_FFMPEG, fourcc, rate, self.size_wh)
            if not self._writer.isOpened():
                width, height = self.size_wh
                raise OutputError(
                    f"{path}: OpenCV can't begin a video of {width} x {height} pixels at {rate:g} pictures a second"
                )
            self._until = opened.pop_all()

    @property
    def is_empty(self) -> bool:
        """Whether it has no picture yet."""
        return self._begun == 0

    @property
    def is_cramped(self) -> bool:
        """Whether so little is free on the disk that the video has to end now."""
        try:
            return shutil.disk_usage(self.path.parent).free < self._reserve_bytes
        except OSError:
            return False

    def write(self, image_rgb: npt.NDArray[np.uint8], times: int = 1) -> None:
        """Add a picture.

        Args:
            image_rgb: ``uint8 [H, W, 3]``; of another size than the video it's fitted into it, undistorted.
            times: For how many pictures' time it's seen.
        """
        frame_bgr = cv2.cvtColor(fit(image_rgb, self.size_wh), cv2.COLOR_RGB2BGR)
        for _ in range(times):
            # An interrupt may come between a picture and its being counted.
            self._begun += 1
            self._writer.write(frame_bgr)
            self._written += 1

    def finish(self) -> None:
        """Close it, look whether all of it is there, and give it its name; it's gone if it isn't whole.

        Raises:
            OutputError: If pictures are missing, or the file has no proper end.
        """
        with self._until:
            self._writer.release()
            found, promised, readable = count_pictures(self._temporary)
            if problem := judge_video((self._written, self._begun), found, promised, readable=readable):
                raise OutputError(f"{self.path}: {problem}; the disk may be full")

    def discard(self) -> None:
        """Close and forget it."""
        self._writer.release()
        with contextlib.suppress(_DiscardedError), self._until:
            raise _DiscardedError


class _DiscardedError(Exception):
    pass


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Nothing on stderr for a moment: OpenCV says of each WebM that its codec has no tag, which is as it should be."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def count_pictures(path: Path) -> tuple[int, float, bool]:
    """The pictures in a video's file, how many it says there are, and whether its first one can be decoded."""
    # Packets as they are stored: nothing is decoded, so an hour of them takes a moment.
    packets = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    pictures = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        count = 0
        while packets.grab():
            count += 1
        return count, pictures.get(cv2.CAP_PROP_FRAME_COUNT), pictures.read()[0]
    finally:
        packets.release()
        pictures.release()


def judge_video(written: tuple[int, int], found: int, promised: float, *, readable: bool) -> str | None:
    """What is wrong with a video that was written; None if nothing is.

    Args:
        written: How many pictures the writer has taken at least, and how many were given to it.
        found: Pictures in the file.
        promised: How many its header tells of; far off, or negative, where the writer couldn't finish it.
        readable: Whether the first one can be decoded.
    """
    if not written[0] <= found <= written[1]:
        return f"the video isn't whole ({found} of {written[1]} pictures are in the file)"
    if not readable:
        return "the video can't be read again"
    # Containers that tell a duration are rounded to it.
    return None if abs(promised - found) <= 1 else "the video has no proper end"


def fit(image_rgb: npt.NDArray[np.uint8], size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The whole picture, undistorted, in the middle of a black one ``uint8 [height, width, 3]``."""
    width, height = size_wh
    image_height, image_width = image_rgb.shape[:2]
    # Odd sides lose their last line rather than be scaled.
    if 0 <= image_height - height <= 1 and 0 <= image_width - width <= 1:
        return image_rgb[:height, :width]
    scale = min(width / image_width, height / image_height)
    inner_wh = max(1, round(image_width * scale)), max(1, round(image_height * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner_wh[0]) // 2, (height - inner_wh[1]) // 2
    canvas[top : top + inner_wh[1], left : left + inner_wh[0]] = cv2.resize(
        image_rgb, inner_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return canvas
