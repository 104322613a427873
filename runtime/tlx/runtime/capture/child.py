"""The capture process: opens a camera or a stream and puts its pictures into shared memory.

It's a process because a read can hang for ever inside a driver, where nothing can interrupt it; a process can be
killed. It lives no longer than its parent: the kernel kills it when that dies, and its socket is closed then.

    python -m tlx.runtime.capture.child SOCKET_FD RING_FD PARENT_PID
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import time
from typing import Final

from tlx.runtime.capture.checks import Sameness, single_colour
from tlx.runtime.capture.messages import MAX_BYTES, Ended, Message, Opened, Order, Picture, Ready, decode, encode
from tlx.runtime.capture.reader import CaptureEndError, Reader
from tlx.runtime.capture.ring import MAX_PICTURE_BYTES, Ring
from tlx.runtime.capture.stream_reader import open_stream
from tlx.runtime.capture.video_reader import open_camera

_C_LIBRARY: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1
_LEAVE_AFTER_S: Final = 0.3


class Capturer:
    """Serves the orders that come by a socket."""

    def __init__(self, channel: socket.socket, ring: Ring) -> None:
        """Begin with picture 1."""
        self._channel = channel
        self._ring = ring
        self._number = 0
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._is_over = threading.Event()

    def run(self) -> None:
        """Serve until the parent closes its end."""
        threading.Thread(target=self._listen, name="tlx-orders", daemon=True).start()
        self._say(Ready())
        while (order := self._orders.get()) is not None:
            try:
                self._serve(order)
            except CaptureEndError as end:
                _C_LIBRARY.fflush(None)  # what FFmpeg has to say about it
                self._say(Ended(end.reason, end.is_silence))

    def _listen(self) -> None:
        """Take orders; when the parent is gone, end within a moment, whatever the main thread is stuck in."""
        while content := _receive(self._channel):
            order = decode(content)
            assert isinstance(order, Order)
            self._orders.put(order)
        self._is_over.set()
        self._orders.put(None)
        # The main thread may close the source in order: a camera server counts its clients.
        threading.Event().wait(_LEAVE_AFTER_S)
        os._exit(0)

    def _serve(self, order: Order) -> None:
        reader = open_reader(order)
        try:
            self._say(Opened(reader.note))
            sameness, previous_rgb, whole_s = Sameness(), None, time.monotonic()
            while not self._is_over.is_set():
                captured_s, left_out = reader.grab()
                self._number += left_out
                image_rgb = reader.decode()
                if image_rgb is None:
                    _require_recent(whole_s, order.read_timeout_s)
                    continue
                whole_s = time.monotonic()
                if image_rgb.nbytes > MAX_PICTURE_BYTES:
                    raise CaptureEndError("its pictures of {1} x {0} pixels are too large".format(*image_rgb.shape))
                self._number += 1
                same_for_s = sameness.step(image_rgb, previous_rgb, captured_s)
                previous_rgb = self._ring.write(self._number, image_rgb)
                size_hw = (image_rgb.shape[0], image_rgb.shape[1])
                self._tell(Picture(self._number, size_hw, captured_s, same_for_s, single_colour(image_rgb)))
        finally:
            reader.close()

    def _tell(self, picture: Picture) -> None:
        """Tell of a picture, unless the parent is so far behind that it wouldn't be the newest any more."""
        try:
            self._channel.send(encode(picture), socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except OSError:
            self._is_over.set()

    def _say(self, message: Message) -> None:
        try:
            self._channel.send(encode(message))
        except OSError:
            self._is_over.set()


def open_reader(order: Order) -> Reader:
    """Open what is ordered.

    Raises:
        CaptureEndError: If it can't be.
    """
    if order.kind == "camera":
        return open_camera(order)
    if order.address.lower().startswith(("http://", "https://")):
        from tlx.runtime.capture.http_reader import open_mjpeg

        reader = open_mjpeg(order)
        if reader is not None:
            return reader
    return open_stream(order)


def _require_recent(whole_s: float, timeout_s: float) -> None:
    if time.monotonic() - whole_s > timeout_s:
        raise CaptureEndError(f"nothing but damaged pictures for {timeout_s:g} s", is_silence=True)


def _receive(channel: socket.socket) -> bytes:
    try:
        return channel.recv(MAX_BYTES)
    except OSError:
        return b""


def _die_with_parent(parent_pid: int) -> None:
    _C_LIBRARY.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before that
        os._exit(0)


def main() -> None:
    """Run, with the numbers of the socket, the ring's file and the parent as arguments."""
    socket_fd, ring_fd, parent_pid = (int(argument) for argument in sys.argv[1:])
    _die_with_parent(parent_pid)
    channel = socket.socket(fileno=socket_fd)
    ring = Ring(ring_fd, writable=True)
    os.close(ring_fd)
    Capturer(channel, ring).run()
    os._exit(0)  # a reader's thread may still be in a library that can't be interrupted


if __name__ == "__main__":
    main()
