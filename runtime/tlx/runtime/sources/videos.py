"""A video file as frames, decoded ahead."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.opencv import cv2
from tlx.runtime.background import iterate_ahead
from tlx.runtime.frames import Frame
from tlx.runtime.sources.positions import Reading, open_at

_AHEAD: Final = 3
_MIN_MISSING: Final = 2
_MIN_MISSING_SHARE: Final = 0.03


@dataclass(frozen=True, slots=True)
class VideoSource:
    """Every frame of a video file, or every ``stride``-th.

    A file that is no video, a video that ends before its header says so, and one that ends before ``start_s``, give a
    frame with the error.

    Attributes:
        path: The file.
        stride: Every how many-th frame is taken, beginning with the first one that is.
        start_s: The first frame is the first one at this time of the video or after it, in seconds.
        duration_s: How much of it is taken from there, in seconds; all if None.
    """

    path: Path
    stride: int = 1
    start_s: float = 0.0
    duration_s: float | None = None

    @property
    def unit(self) -> str:
        """What one of them is called."""
        return "frame"

    @property
    def name_width(self) -> int:
        """The length of the path."""
        return len(str(self.path))

    def frames(self) -> Generator[Frame, None, None]:
        """The frames in order, read in a thread while earlier ones are used."""
        return iterate_ahead(self._read(), ahead=_AHEAD)

    def _read(self) -> Iterator[Frame]:
        if problem := _look_at(self.path):
            yield self._failed(problem, None)
            return
        # An absolute path: FFmpeg takes a name such as "concat:a|b" for more than a file.
        with open_at(os.path.abspath(self.path), self.start_s) as reading:  # noqa: PTH100 - links stay as they are
            yield from self._read_from(reading)

    def _read_from(self, reading: Reading) -> Iterator[Frame]:
        end_s = None if self.duration_s is None else self.start_s + self.duration_s
        taken = 0
        while reading.is_there:
            if end_s is not None and not reading.is_before(end_s):
                return
            if taken % self.stride == 0:
                yield self._retrieve(reading)
            taken += 1
            reading.advance()
        problem = judge_end(reading.count, reading.promised, opened=reading.opened)
        if problem is None and taken == 0:
            problem = f"the video ends after {reading.length_s:.1f} s, before the start at {self.start_s:g} s"
        if problem:
            yield self._failed(problem, reading.count or None)

    def _retrieve(self, reading: Reading) -> Frame:
        ok, frame_bgr = reading.capture.retrieve()
        if not ok:
            return Frame(str(self.path), None, "this frame can't be decoded", reading.index, reading.began_s)
        image_rgb = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)
        decode_ms = (time.monotonic() - reading.began_s) * 1e3
        return Frame(str(self.path), image_rgb, None, reading.index, reading.began_s, decode_ms)  # type: ignore[arg-type]

    def _failed(self, problem: str, index: int | None) -> Frame:
        return Frame(str(self.path), None, problem, index, time.monotonic())


def _look_at(path: Path) -> str | None:
    """Why a file can't even be opened; OpenCV would only say that it is no video."""
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return f"can't be read ({error.strerror or error})"


def judge_end(read: int, promised: float, *, opened: bool) -> str | None:
    """What is wrong with a video that gives no more frames; None if it's simply over.

    Args:
        read: Frames that it gave.
        promised: Frames that its header promises; 0 or less if it doesn't say. Some containers estimate it from
            the duration, so a few missing ones mean nothing.
        opened: Whether it could be opened at all.
    """
    if not opened:
        return "not a video that OpenCV can read, nor a photo: damaged, cut short or another kind of file"
    if read == 0:
        return "a video without a single readable frame: damaged or cut short"
    if promised - read >= max(_MIN_MISSING, _MIN_MISSING_SHARE * promised):
        return f"the video ends after {read} of {promised:.0f} frames: damaged or cut short"
    return None
