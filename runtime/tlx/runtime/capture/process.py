"""The parent's side of a capture process: start it, hear it, end it, whatever it does."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.runtime.capture.messages import MAX_BYTES, Message, Order, decode, encode
from tlx.runtime.capture.ring import Ring
from tlx.runtime.capture.settings import CaptureSettings

CHILD_MODULE: Final = "tlx.runtime.capture.child"

_FAREWELL_S: Final = 0.4
_KEPT_NOISE_BYTES: Final = 4096
_LINE_START: Final = re.compile(rb"\n|\[OPENCV:FFMPEG:\d+\]")  # FFmpeg's lines come without an end


class CaptureProcess:
    """One capture process and the memory that it shares.

    What it writes to stdout and stderr is kept, the last lines of it, and never shown as such.
    """

    def __init__(self, settings: CaptureSettings) -> None:
        """Start it; it says :class:`~tlx.runtime.capture.messages.Ready` when it has loaded OpenCV."""
        self._reap_s = settings.reap_s
        self._noise = b""
        self._is_closed = False
        with contextlib.ExitStack() as on_error:
            self._ring, ring_fd = Ring.create()
            on_error.callback(self._ring.close)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            on_error.callback(ours.close)
            self._noise_fd, their_noise_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            on_error.callback(os.close, self._noise_fd)
            try:
                self._process = _spawn(theirs.fileno(), ring_fd, their_noise_fd, settings)
            finally:
                theirs.close()
                os.close(ring_fd)
                os.close(their_noise_fd)
            on_error.pop_all()
        self._channel = ours
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        self._poll.register(self._noise_fd, select.POLLIN)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it's still there."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str | None:
        """The last line that it, or a library in it, wrote since :meth:`order`; None if there was none."""
        lines = _LINE_START.split(self._noise)
        if len(self._noise) == _KEPT_NOISE_BYTES:
            del lines[0]  # its beginning is cut off, and half a password can't be recognized
        return next(filter(None, (line.decode(errors="replace").strip() for line in reversed(lines))), None)

    def order(self, order: Order) -> None:
        """Give it something to do; whether it still lives is known by :meth:`receive`."""
        self._drain_noise()
        self._noise = b""
        with contextlib.suppress(OSError):
            self._channel.send(encode(order), socket.MSG_DONTWAIT)

    def receive(self, timeout_s: float) -> list[Message]:
        """What it said, oldest first; nothing if it says nothing in that time.

        Raises:
            EOFError: If it's gone.
        """
        self._poll.poll(timeout_s * 1e3)
        # Its words come before the message that they explain.
        contents, is_gone = self._drain_channel()
        self._drain_noise()
        if is_gone and not contents:
            raise EOFError
        return [decode(content) for content in contents]

    def describe_end(self) -> str:
        """Why it's gone, after :meth:`receive` has said that it is."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._reap_s)
        code = self._process.returncode
        if code is None:
            return "its process closed its connection"
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"

    def close(self, *, politely: bool) -> bool:
        """End it and let go of what it holds.

        Args:
            politely: Whether it may close its source in order; a moment later it's killed all the same.

        Returns:
            Whether it's gone. If not, it's stuck in the kernel and abandoned: a thread of its own reaps it, should it
            ever end.
        """
        if self._is_closed:
            return not self.is_running
        self._is_closed = True
        self._channel.close()
        if not (politely and self._ends_within(_FAREWELL_S)):
            self._process.kill()
        is_gone = self._ends_within(self._reap_s)
        if not is_gone:
            threading.Thread(target=self._process.wait, name="tlx-abandoned", daemon=True).start()
        os.close(self._noise_fd)
        self._ring.close()
        return is_gone

    def read(self, number: int, size_hw: tuple[int, int]) -> npt.NDArray[np.uint8] | None:
        """A copy of a picture that it told of; None if it's gone already."""
        return self._ring.read(number, size_hw)

    def _ends_within(self, timeout_s: float) -> bool:
        if timeout_s == 0:
            return False
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _drain_channel(self) -> tuple[list[bytes], bool]:
        contents: list[bytes] = []
        while True:
            try:
                content = self._channel.recv(MAX_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return contents, False
            except OSError:
                return contents, True
            if not content:
                return contents, True
            contents.append(content)

    def _drain_noise(self) -> None:
        with contextlib.suppress(OSError):
            while noise := os.read(self._noise_fd, MAX_BYTES):
                self._noise = (self._noise + noise)[-_KEPT_NOISE_BYTES:]


def _spawn(channel_fd: int, ring_fd: int, noise_fd: int, settings: CaptureSettings) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "OPENCV_LOG_LEVEL": "SILENT",
        # Its error lines say why something can't be opened; nobody but us reads them.
        "OPENCV_FFMPEG_LOGLEVEL": "16",
        "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": str(max(1, round(settings.read_timeout_s))),
    }
    # Without the second, FFmpeg keeps up to 20 pictures back to guess a rate that nobody asks for.
    environment.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp|fpsprobesize;0")
    arguments = [str(channel_fd), str(ring_fd), str(os.getpid())]
    return subprocess.Popen(  # noqa: S603 - our own process, no shell
        # -P: a file of the current folder must not take the place of a module.
        [sys.executable, "-P", "-m", CHILD_MODULE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=noise_fd,
        stderr=noise_fd,
        pass_fds=(channel_fd, ring_fd),
        env=environment,
    )
