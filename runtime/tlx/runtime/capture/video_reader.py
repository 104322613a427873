"""Cameras by way of OpenCV (V4L2)."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.opencv import cv2
from tlx.runtime.capture.messages import Order
from tlx.runtime.capture.reader import CaptureEndError

_MAX_DRIVER_AGE_S: Final = 10.0
_NEARLY: Final = 0.9
_RATE_TOLERANCE: Final = 0.05
_COLOUR_CHANNELS: Final = 3


class VideoReader:
    """A camera's driver, read by OpenCV."""

    def __init__(self, capture: cv2.VideoCapture, order: Order, note: str | None = None) -> None:
        """Take over an open capture; :func:`open_camera` makes it."""
        self._capture = capture
        self._order = order
        self.note = note

    def grab(self) -> tuple[float, int]:
        """As :meth:`~tlx.runtime.capture.reader.Reader.grab`.

        The camera's driver says when, if it can.
        """
        started_s = time.monotonic()
        is_here = self._capture.grab()
        now_s = time.monotonic()
        if not is_here:
            raise self._end(now_s - started_s)
        return judge_driver_time(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, now_s), 0

    def decode(self) -> npt.NDArray[np.uint8] | None:
        """As :meth:`~tlx.runtime.capture.reader.Reader.decode`."""
        is_whole, picture = self._capture.retrieve()
        return as_rgb(picture) if is_whole else None

    def close(self) -> None:
        """As :meth:`~tlx.runtime.capture.reader.Reader.close`."""
        self._capture.release()

    def _end(self, waited_s: float) -> CaptureEndError:
        if waited_s >= _NEARLY * self._order.read_timeout_s:
            return CaptureEndError(f"no picture for {waited_s:.1f} s", is_silence=True)
        is_there = Path(self._order.address).exists()
        return CaptureEndError("the camera gives no more pictures" if is_there else "the camera was unplugged")


def open_camera(order: Order) -> VideoReader:
    """Open a camera by its device's path.

    Raises:
        CaptureEndError: If it can't be opened.
    """
    if not Path(order.address).exists():
        raise CaptureEndError("there is no such device: is it plugged in?")
    capture = cv2.VideoCapture(order.address, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    if not capture.isOpened():
        raise CaptureEndError("can't be opened: it's no camera, or another program uses it")
    return VideoReader(capture, order, _ask_for(capture, order))


def as_rgb(picture: npt.NDArray[np.generic] | None) -> npt.NDArray[np.uint8] | None:
    """What OpenCV retrieved as ``uint8 [H, W, 3]``, RGB; None if it's no such picture."""
    if picture is None or picture.dtype != np.uint8:
        return None
    pixels = np.asarray(picture, np.uint8)
    is_colour = pixels.ndim == _COLOUR_CHANNELS and pixels.shape[2] == _COLOUR_CHANNELS
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if is_colour else cv2.COLOR_GRAY2RGB), np.uint8)


def judge_driver_time(driver_s: float, now_s: float) -> float:
    """When a picture was captured: what the driver says, if that can be on the monotonic clock, else now.

    Drivers may stamp with another clock, or with 0; one of the future or of long ago is none of this clock.
    """
    return driver_s if now_s - _MAX_DRIVER_AGE_S < driver_s <= now_s else now_s


def _ask_for(capture: cv2.VideoCapture, order: Order) -> str | None:
    """Ask a camera for size and rate; what it gives instead, in words."""
    if order.size_wh is None and order.rate_hz is None:
        return None
    _set(capture, order)
    if _difference(capture, order):
        # What doesn't fit through USB as plain pixels often does as JPEGs.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        _set(capture, order)
    return _difference(capture, order)


def _set(capture: cv2.VideoCapture, order: Order) -> None:
    if order.size_wh is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, order.size_wh[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, order.size_wh[1])
    if order.rate_hz is not None:
        capture.set(cv2.CAP_PROP_FPS, order.rate_hz)


def _difference(capture: cv2.VideoCapture, order: Order) -> str | None:
    size_wh = (round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    return describe_difference(order, size_wh, capture.get(cv2.CAP_PROP_FPS))


def describe_difference(order: Order, size_wh: tuple[int, int], rate_hz: float) -> str | None:
    """What a camera gives instead of what was ordered; None if it's the same, or it doesn't say."""
    parts = []
    if order.size_wh is not None and size_wh != order.size_wh:
        parts.append("{}x{} instead of {}x{}".format(*size_wh, *order.size_wh))
    if order.rate_hz is not None and rate_hz > 0 and abs(rate_hz / order.rate_hz - 1) > _RATE_TOLERANCE:
        parts.append(f"{rate_hz:g} pictures a second instead of {order.rate_hz:g}")
    return f"the camera gives {' and '.join(parts)}" if parts else None
