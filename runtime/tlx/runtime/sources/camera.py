"""A camera as frames: always the newest one.

Opening and reading can block inside the driver for as long as it likes, and nothing in Python can interrupt that.
So both happen in a thread of their own, which a consumer that is interrupted leaves behind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from tlx.errors import DeviceError
from tlx.opencv import cv2
from tlx.runtime.frames import Frame

_LEAVE_BEHIND_AFTER_S: Final = 0.5
_WAKE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera by its number or device path.

    A frame that comes while the one before is still being classified takes the place of any that waits: the gaps in
    :attr:`~tlx.runtime.frames.Frame.index` show what was left out.

    Attributes:
        device: A number from 0, or a path such as ``/dev/video0``.
        stride: Every how many-th frame is taken.
    """

    device: int | str
    stride: int = 1

    @property
    def unit(self) -> str:
        """What one of them is called."""
        return "frame"

    @property
    def name(self) -> str:
        """How its frames are called."""
        return f"camera {self.device}" if isinstance(self.device, int) else self.device

    @property
    def name_width(self) -> int:
        """The length of its name."""
        return len(self.name)

    def frames(self) -> Generator[Frame, None, None]:
        """The newest frame each time, for as long as the camera gives some.

        Raises:
            DeviceError: If it can't be opened.
        """
        slot = _Slot()
        thread = threading.Thread(target=self._capture, args=(slot,), name="tlx-camera", daemon=True)
        thread.start()
        try:
            while (frame := slot.take()) is not None:
                yield frame
        finally:
            slot.stop()
            thread.join(_LEAVE_BEHIND_AFTER_S)

    def _capture(self, slot: _Slot) -> None:
        capture = cv2.VideoCapture(self.device)
        try:
            if not capture.isOpened():
                slot.fail(DeviceError(f"{self.name}: can't be opened: 'tlx doctor' lists the cameras that are there"))
            index = 0
            while not slot.is_over and capture.grab():
                captured_s = time.monotonic()
                if index % self.stride == 0:
                    ok, frame_bgr = capture.retrieve()
                    if ok:
                        image_rgb = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB)
                        slot.put(Frame(self.name, image_rgb, None, index, captured_s))  # type: ignore[arg-type]
                index += 1
            if index == 0:
                slot.fail(DeviceError(f"{self.name}: gives no frames: is another program using it?"))
            slot.end(Frame(self.name, None, "the camera gives no more frames", index, time.monotonic()))
        finally:
            capture.release()


class _Slot:
    """Room for one frame between the thread and the consumer; a newer frame replaces one that waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._last: Frame | None = None
        self._error: DeviceError | None = None
        self.is_over = False

    def put(self, frame: Frame) -> None:
        with self._changed:
            self._frame = frame
            self._changed.notify_all()

    def end(self, last: Frame) -> None:
        """No more will come; ``last`` says so, unless the consumer stopped first."""
        with self._changed:
            if not self.is_over:
                self._last = last
                self.is_over = True
            self._changed.notify_all()

    def fail(self, error: DeviceError) -> None:
        with self._changed:
            self._error = self._error or error
            self.is_over = True
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self.is_over = True

    def take(self) -> Frame | None:
        """Wait for a frame; None when there will be no more."""
        with self._changed:
            # Waiting with a limit lets Ctrl-C through everywhere.
            while self._frame is None and not self.is_over:
                self._changed.wait(_WAKE_S)
            if self._error is not None:
                raise self._error
            frame, self._frame = self._frame, None
            if frame is None:
                frame, self._last = self._last, None
            return frame
