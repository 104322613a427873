"""Where a video is read: each frame's time and number, and an exact start.

OpenCV's own seeking lands near the place that was asked for (opencv#9053). So a start is looked for frame by frame,
by the times of the frames themselves. To save the way there, OpenCV is asked to go to a place shortly before it; where
it really landed is then checked, and if that can't be trusted the video is read from its beginning.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from tlx.opencv import cv2

_SAME_TIME_S: Final = 5e-4
"""Containers round their times to a millisecond."""
_LEAP_FROM_S: Final = 10.0
"""Before this time reading is quick enough."""
_LEAP_SHORT_S: Final = 2.0
_ON_THE_BEAT: Final = 0.1
"""Of the time of a frame: so far may it lie from a whole number of frames, where all take the same time."""


class Reading:
    """A video that is read frame by frame.

    Attributes:
        capture: OpenCV's, for the pixels of the current frame.
        opened: Whether it is a video.
        promised: Frames that its header promises; 0 or less if it doesn't say.
        is_there: Whether there is a current frame.
        index: The number of the current frame, from 0.
        time_s: The time of the current frame, in seconds since the first.
        began_s: When reading the current frame began, in seconds of the monotonic clock.
    """

    def __init__(self, path: str) -> None:
        self.capture = cv2.VideoCapture(path)
        self.opened = self.capture.isOpened()
        self.promised = self.capture.get(cv2.CAP_PROP_FRAME_COUNT) if self.opened else 0.0
        self._rate = self.capture.get(cv2.CAP_PROP_FPS) if self.opened else 0.0
        self.index = -1
        self.time_s = 0.0
        self._first_s: float | None = None
        self.is_there = self.opened
        self.advance()

    @property
    def count(self) -> int:
        """How many frames lie before the current one; at the end: all."""
        return self.index + (not self.is_there)

    @property
    def length_s(self) -> float:
        """The time of the current frame's end."""
        return self.time_s + (1 / self._rate if self._rate > 0 else 0.0)

    def is_before(self, time_s: float) -> bool:
        """Whether the current frame's time is before this one."""
        return self.time_s < time_s - _SAME_TIME_S

    def advance(self) -> None:
        """Go to the next frame, if there is one."""
        self.began_s = time.monotonic()
        self.is_there = self.is_there and self.capture.grab()
        if self.is_there:
            self.index += 1
            self.time_s = self._time_of_frame()

    def leap(self, time_s: float) -> bool:
        """Try to go to a frame shortly before ``time_s``.

        Returns:
            Whether it is certain which frame this is; if not, the reading is of no use any more.
        """
        if not (self.is_there and self._rate > 0):
            return False
        target_s = (self._first_s or 0.0) + time_s - _LEAP_SHORT_S
        if not (self.capture.set(cv2.CAP_PROP_POS_MSEC, target_s * 1e3) and self.capture.grab()):
            return False
        landed_s = self._stamp_s() - (self._first_s or 0.0)
        number = landed_s * self._rate
        if not 0 < landed_s < time_s or abs(number - round(number)) > _ON_THE_BEAT:
            return False
        self.index, self.time_s = round(number), landed_s
        return True

    def _time_of_frame(self) -> float:
        stamp_s = self._stamp_s()
        if self._first_s is None:
            self._first_s = stamp_s
        relative_s = stamp_s - self._first_s
        # Some streams carry no times.
        if relative_s <= 0 and self.index > 0 and self._rate > 0:
            return self.index / self._rate
        return relative_s

    def _stamp_s(self) -> float:
        return self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3


@contextlib.contextmanager
def open_at(path: str, start_s: float) -> Iterator[Reading]:
    """Open a video at its first frame at ``start_s`` or after it, in seconds since its first frame."""
    reading = Reading(path)
    try:
        if start_s >= _LEAP_FROM_S and not reading.leap(start_s):
            reading.capture.release()
            reading = Reading(path)
        while reading.is_there and reading.is_before(start_s):
            reading.advance()
        yield reading
    finally:
        reading.capture.release()
