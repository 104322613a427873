"""A video file as frames, decoded ahead."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.opencv import cv2
from tlx.runtime.background import iterate_ahead
from tlx.runtime.frames import Frame

_AHEAD: Final = 3
_MIN_MISSING: Final = 2
_MIN_MISSING_SHARE: Final = 0.03


@dataclass(frozen=True, slots=True)
class VideoSource:
    """Every frame of a video file, or every ``stride``-th.

    A file that is no video, and a video that ends before its header says so, give a frame with the error.
    """

    path: Path
    stride: int = 1

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
        capture = cv2.VideoCapture(str(self.path))
        try:
            promised = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() else 0
            index = 0
            while capture.isOpened():
                started_s = time.monotonic()
                if not capture.grab():
                    break
                if index % self.stride == 0:
                    yield self._retrieve(capture, index, started_s)
                index += 1
            if problem := judge_end(index, promised, opened=capture.isOpened()):
                yield Frame(str(self.path), None, problem, index, time.monotonic())
        finally:
            capture.release()

    def _retrieve(self, capture: cv2.VideoCapture, index: int, started_s: float) -> Frame:
        ok, frame_bgr = capture.retrieve()
        if not ok:
            return Frame(str(self.path), None, "this frame can't be decoded", index, started_s)
        image_rgb = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)
        return Frame(str(self.path), image_rgb, None, index, started_s, (time.monotonic() - started_s) * 1e3)  # type: ignore[arg-type]


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
