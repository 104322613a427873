"""Streams and pipes by way of OpenCV and FFmpeg.

A thread reads on as fast as pictures come, whatever the rest of the process does with the last one: what isn't read
waits in a socket, where nobody sees it grow old. OpenCV's capture isn't made for two threads, so that thread also
fetches the pictures that are asked for.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.opencv import cv2
from tlx.runtime.capture.messages import Order
from tlx.runtime.capture.reader import CaptureEndError
from tlx.runtime.capture.stream_clock import StreamClock
from tlx.runtime.capture.video_reader import as_rgb

_NEARLY: Final = 0.9
_OLD_S: Final = 0.5
_MAX_SKIPPING_S: Final = 1.0
_WAITING: Final = 4


class StreamReader:
    """What FFmpeg reads; a picture that waited for long is left out, for a newer one comes at once."""

    note: None = None

    def __init__(self, capture: cv2.VideoCapture, order: Order) -> None:
        """Take over an open capture; :func:`open_stream` makes it."""
        self._capture = capture
        self._timeout_s = order.read_timeout_s
        self._changed = threading.Condition()
        self._is_wanted = True  # a short one may be over before anybody asks
        self._fetched: tuple[float, npt.NDArray[np.uint8] | None] | None = None
        self._left_out = 0
        self._end: CaptureEndError | None = None
        self._is_closed = False
        self._grabbed: npt.NDArray[np.uint8] | None = None
        self._thread = threading.Thread(target=self._read, name="tlx-stream", daemon=True)
        self._thread.start()

    def grab(self) -> tuple[float, int]:
        """As :meth:`~tlx.runtime.capture.reader.Reader.grab`.

        There is no limit of its own: FFmpeg has one, and where it hasn't, only the end of the process helps.
        """
        with self._changed:
            self._is_wanted = True
            self._changed.wait_for(lambda: self._fetched or self._end)
            if self._fetched is None:
                assert self._end is not None
                raise self._end
            (captured_s, self._grabbed), self._fetched = self._fetched, None
            left_out, self._left_out = self._left_out, 0
            return captured_s, left_out

    def decode(self) -> npt.NDArray[np.uint8] | None:
        """As :meth:`~tlx.runtime.capture.reader.Reader.decode`."""
        return as_rgb(self._grabbed)

    def close(self) -> None:
        """As :meth:`~tlx.runtime.capture.reader.Reader.close`."""
        self._is_closed = True
        self._thread.join(self._timeout_s)
        if not self._thread.is_alive():  # else it hangs inside, where nothing may be freed
            self._capture.release()

    def _read(self) -> None:
        clock, told_s = StreamClock(), time.monotonic()
        while not self._is_closed:
            started_s, busy_s = time.monotonic(), time.thread_time()
            is_here = self._capture.grab()
            now_s, busy_s = time.monotonic(), time.thread_time() - busy_s
            if not is_here:
                self._finish(now_s - started_s)
                return
            stream_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            captured_s = clock.step(now_s, stream_s, waited=now_s - started_s > _WAITING * busy_s)
            # One that can't keep up gives old pictures rather than none: their age says so.
            is_due = now_s - captured_s <= _OLD_S or now_s - told_s > _MAX_SKIPPING_S
            if self._is_taken(is_due=is_due):
                self._put(captured_s)
                told_s = now_s

    def _is_taken(self, *, is_due: bool) -> bool:
        with self._changed:
            is_taken = self._is_wanted and is_due
            self._left_out += not is_taken
            return is_taken

    def _put(self, captured_s: float) -> None:
        try:
            is_whole, picture = self._capture.retrieve()
        except cv2.error:
            is_whole, picture = False, None
        with self._changed:
            self._fetched = (captured_s, np.asarray(picture) if is_whole else None)
            self._is_wanted = False
            self._changed.notify_all()

    def _finish(self, waited_s: float) -> None:
        is_silence = waited_s >= _NEARLY * self._timeout_s
        reason = f"no picture for {waited_s:.1f} s" if is_silence else "the stream ended"
        with self._changed:
            self._end = CaptureEndError(reason, is_silence=is_silence)
            self._changed.notify_all()


def open_stream(order: Order) -> StreamReader:
    """Open the address of a stream, or a pipe's path, by FFmpeg.

    Raises:
        CaptureEndError: If it can't be opened, in time.
    """
    started_s = time.monotonic()
    parameters = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        round(order.open_timeout_s * 1e3),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        round(order.read_timeout_s * 1e3),
        # Decoding in several threads holds as many pictures back.
        cv2.CAP_PROP_N_THREADS,
        1,
    ]
    capture = cv2.VideoCapture(order.address, cv2.CAP_FFMPEG, parameters)
    if capture.isOpened():
        return StreamReader(capture, order)
    waited_s = time.monotonic() - started_s
    if waited_s >= _NEARLY * order.open_timeout_s:
        raise CaptureEndError(f"no stream within {waited_s:.1f} s", is_silence=True)
    raise CaptureEndError("can't be opened as a stream")
