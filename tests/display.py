"""A display for tests that nobody sees."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

SIZE_WH = (1024, 768)


_CLIENT_MESSAGE = 33


class _ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, with room for the largest event of its union."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("room", ctypes.c_long * 12),
    )


class Display:
    """A running Xvfb.

    Attributes:
        name: What DISPLAY has to say.
    """

    def __init__(self, folder: Path) -> None:
        told, tell = os.pipe()
        width, height = SIZE_WH
        self._folder = folder
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(tell), "-screen", "0", f"{width}x{height}x24", "-fbdir", str(folder)],
            pass_fds=(tell,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(tell)
        with os.fdopen(told) as numbers:
            number = numbers.readline().strip()
        assert number, "Xvfb didn't start"
        self.name = f":{number}"

    def screenshot(self) -> npt.NDArray[np.uint8]:
        """What is on it, ``uint8 [H, W, 3]``, RGB, from its frame buffer's file (X's own dump format)."""
        content = (self._folder / "Xvfb_screen0").read_bytes()
        header = np.frombuffer(content[:100], ">u4")
        width, height, row_bytes, colours = (int(header[place]) for place in (4, 5, 12, 19))
        start = int(header[0]) + colours * 12
        pixels = np.frombuffer(content, np.uint8, height * row_bytes, start).reshape(height, row_bytes)
        return pixels.reshape(height, -1, 4)[:, :width, 2::-1]

    def ask_to_close(self, window: int) -> None:
        """Send what a window manager sends when somebody clicks on a window's X; none runs here to do it."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        connection = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        assert connection.value, "Xvfb doesn't answer"
        message = _ClientMessage(type=_CLIENT_MESSAGE, display=connection, window=window, format=32)
        message.message_type = x11.XInternAtom(connection, b"WM_PROTOCOLS", False)
        message.data[0] = x11.XInternAtom(connection, b"WM_DELETE_WINDOW", False)
        x11.XSendEvent(connection, ctypes.c_ulong(window), False, ctypes.c_long(0), ctypes.byref(message))
        x11.XCloseDisplay(connection)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
