"""Annotated video: what was seen and what was said, at the pace at which it happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.errors import OutputError
from tlx.opencv import cv2
from tlx.runtime.frames import StateChange
from tlx.runtime.output.items import Item, ModelChange, Result
from tlx.runtime.output.overlay import Caption, Painter, caption_of
from tlx.runtime.output.timeline import LONGEST_PAUSE_S, Timeline, advance, rate_of_file, usable_rate
from tlx.runtime.output.video_writing import RESERVE_BYTES, VideoFile
from tlx.runtime.sources.view import PLAIN, View

LIVE_RATE: Final = 15.0
"""Pictures a second of a live source's video."""
LONGEST_SIDE: Final = 1920
"""Pixels: larger pictures are made smaller."""
_LOOK_AT_DISK_EVERY_S: Final = 0.5

Image = npt.NDArray[np.uint8]


def warn_nobody(message: str) -> None:
    """Takes a warning, and tells nobody."""


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """How videos are saved.

    Attributes:
        view: Which part of the pictures was looked at, and which way up they are.
        reserve_bytes: How much stays free on the disk.
        warn: Told, in one line, why a live source's video ends early.
    """

    view: View = PLAIN
    reserve_bytes: int = RESERVE_BYTES
    warn: Callable[[str], None] = warn_nobody


@dataclass(frozen=True, slots=True)
class _Shot:
    """A painted picture and when it's seen, in seconds."""

    image_rgb: Image
    at_s: float
    index: int


class VideoSink:
    """Writes one source's results as a video; :meth:`close` makes the file, whole.

    A file's video plays at its own pace: picture n at n divided by its rate, also where a stride leaves some out. A
    live source's plays in real time, by the times at which its pictures were taken: at 15 pictures a second some
    are repeated or left out, and a pause of more than 5 seconds is shortened to that.

    A full disk ends a live source's video with what is there, a warning and nothing else. For a file it's an error.

    Attributes:
        path: The file.
        problem: Why the video ended early; None if it didn't.
    """

    def __init__(self, path: Path, options: VideoOptions | None = None) -> None:
        self.path = path
        self.problem: str | None = None
        self._options = options or VideoOptions()
        self._painter = Painter(self._options.view)
        self._video: VideoFile | None = None
        self._timeline: Timeline | None = None
        self._first: _Shot | None = None
        self._file_rate: float | None = None
        self._picture_rgb: Image | None = None
        self._written_rgb: Image | None = None
        self._looked_s = -float("inf")
        self._is_over = False

    @property
    def wants_pictures(self) -> bool:
        """Yes."""
        return True

    def write(self, item: Item) -> None:
        """Add one picture, or what is wrong over the one before."""
        if self._is_over or isinstance(item, ModelChange):
            return
        shot = self._shot(item)
        if shot is None:
            return
        try:
            self._add(shot)
        except OutputError as error:
            self._end_early(error)

    def close(self) -> None:
        """Finish the file.

        Raises:
            OutputError: If it isn't whole; it's gone then.
        """
        if self._is_over:
            return
        try:
            self._finish()
        except OutputError as error:
            self._end_early(error)
        finally:
            self._is_over = True

    def _shot(self, item: Result | StateChange) -> _Shot | None:
        caption = caption_of(item)
        if isinstance(item, StateChange):
            return self._banner(caption, item.at_s, -1)
        frame = item.frame
        at_s, index = frame.captured_s, frame.index or 0
        if frame.state is None:
            if self._file_rate is None:
                self._file_rate = usable_rate(_told_rate(frame.source))
            at_s = index / self._file_rate
        if frame.image_rgb is None:
            return self._banner(caption, at_s, index)
        self._picture_rgb = frame.image_rgb
        return _Shot(self._painter.paint(frame.image_rgb, caption), at_s, index)

    def _banner(self, caption: Caption, at_s: float, index: int) -> _Shot | None:
        """What is wrong, over the last picture that there was."""
        if self._picture_rgb is None or caption.banner is None:
            return None
        return _Shot(self._painter.paint(self._picture_rgb, replace(caption, label=None)), at_s, index)

    def _add(self, shot: _Shot) -> None:
        if self._timeline is None:
            first = self._first
            # Only the second picture of a file tells how many are left out between them.
            if first is None and self._file_rate is not None:
                self._first = shot
                return
            self._begin(first or shot, stride=max(1, shot.index - first.index) if first else 1)
            if first is not None:
                self._place(first)
        self._place(shot)

    def _begin(self, shot: _Shot, *, stride: int) -> None:
        if self._file_rate is None:
            timeline = Timeline(LIVE_RATE, shot.at_s, longest_pause_s=LONGEST_PAUSE_S)
        else:
            timeline = Timeline(rate_of_file(self._file_rate, stride), shot.at_s)
        height, width = shot.image_rgb.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size_wh = round(width * scale), round(height * scale)
        self._video = VideoFile(self.path, timeline.rate, size_wh, reserve_bytes=self._options.reserve_bytes)
        self._timeline, self._first = timeline, None

    def _place(self, shot: _Shot) -> None:
        assert self._video is not None
        assert self._timeline is not None
        self._look_at_disk(self._video)
        self._timeline, repeats, is_new = advance(self._timeline, shot.at_s)
        if repeats and self._written_rgb is not None:
            self._video.write(self._written_rgb, repeats)
        if is_new:
            self._video.write(shot.image_rgb)
        self._written_rgb = shot.image_rgb

    def _look_at_disk(self, video: VideoFile) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_AT_DISK_EVERY_S:
            return
        self._looked_s = now_s
        if video.is_cramped:
            megabytes = self._options.reserve_bytes / 2**20
            raise OutputError(f"{self.path}: the disk is full (less than {megabytes:.0f} MiB are free)")

    def _finish(self) -> None:
        if self._first is not None:  # a video of one picture
            first = self._first
            self._begin(first, stride=1)
            self._place(first)
        video, self._video = self._video, None
        if video is not None:
            video.finish()
        else:
            self._options.warn(f"{self.path}: no picture came, so there is no video")

    def _end_early(self, error: OutputError) -> None:
        """A file's video that lacks its end would look whole; of a live one each minute counts."""
        self._is_over = True
        self.problem = str(error)
        video, self._video = self._video, None
        if self._file_rate is not None:
            if video is not None:
                video.discard()
            raise error
        kept = ""
        if video is not None and video.is_empty:
            video.discard()
        elif video is not None:
            try:
                video.finish()
                kept = "the video ends here, "
            except OutputError as worse:
                self.problem = str(worse)
        self._options.warn(f"{self.problem}: {kept}everything else goes on")


def _told_rate(source: str) -> float:
    capture = cv2.VideoCapture(source)
    try:
        return capture.get(cv2.CAP_PROP_FPS) if capture.isOpened() else 0.0
    finally:
        capture.release()
