"""``--show``: a window with what is seen and said."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import Final

import numpy as np

from tlx.errors import DeviceError
from tlx.opencv import cv2
from tlx.runtime.frames import StateChange
from tlx.runtime.output.items import Item, ModelChange, Result
from tlx.runtime.output.overlay import Image, Painter, caption_of
from tlx.runtime.sources.view import PLAIN, View

TITLE: Final = "tlx: q or Esc quits"

_QUIT_KEYS: Final = frozenset({ord("q"), ord("Q"), 27})
_WIDEST, _HIGHEST = 1280, 720
_EMPTY_HW: Final = (360, 640)
_PROBE_S: Final = 30.0
# Qt ends the whole process where there is no display, so that another one has to try.
_PROBE: Final = "import cv2; cv2.namedWindow('tlx', cv2.WINDOW_NORMAL); cv2.waitKey(1)"


class WindowSink:
    """Shows each result in a window. All of it has to be used from the main thread.

    Attributes:
        stopped: Whether the user has had enough: pressed q or Esc, or closed the window. Whoever feeds the window
            looks at it after each :meth:`write` and :meth:`poll`, and ends.
    """

    def __init__(self, view: View = PLAIN) -> None:
        """Open the window.

        Raises:
            DeviceError: If there is no display to open it on.
        """
        require_display()
        self.stopped = False
        self._painter = Painter(view)
        self._picture_rgb: Image | None = None
        self._is_sized = False
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, *reversed(_EMPTY_HW))
        self._show(np.zeros((*_EMPTY_HW, 3), np.uint8))
        self.poll()

    @property
    def wants_pictures(self) -> bool:
        """Yes."""
        return True

    def write(self, item: Item) -> None:
        """Show one item: a picture, or over the picture before what is wrong."""
        if self.stopped or isinstance(item, ModelChange):
            return
        image_rgb = item.frame.image_rgb if isinstance(item, Result) else None
        if image_rgb is not None:
            self._picture_rgb = image_rgb
        elif isinstance(item, StateChange) and self._picture_rgb is None:
            self._picture_rgb = np.zeros((*_EMPTY_HW, 3), np.uint8)
        if self._picture_rgb is not None:
            painted_rgb = self._painter.paint(self._picture_rgb, caption_of(item))
            if image_rgb is not None:
                self._take_its_size(painted_rgb)
            self._show(painted_rgb)
        self.poll()

    def poll(self) -> None:
        """Let the window live: to be called a few times a second while nothing is to be shown."""
        if self.stopped:
            return
        key = cv2.waitKey(1)
        self.stopped = _is_closed() or (key != -1 and key & 0xFF in _QUIT_KEYS)

    def close(self) -> None:
        """Close the window."""
        self.stopped = True
        with contextlib.suppress(cv2.error):  # the user has closed it
            cv2.destroyWindow(TITLE)

    def _take_its_size(self, painted_rgb: Image) -> None:
        """Give the window the first picture's size; from then on the size is the user's."""
        if self._is_sized:
            return
        height, width = painted_rgb.shape[:2]
        scale = min(1.0, _WIDEST / width, _HIGHEST / height)
        cv2.resizeWindow(TITLE, max(1, round(width * scale)), max(1, round(height * scale)))
        self._is_sized = True

    def _show(self, image_rgb: Image) -> None:
        cv2.imshow(TITLE, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR))


def _is_closed() -> bool:
    try:
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
    except cv2.error:  # with the last window Qt itself is gone
        return True


def require_display() -> None:
    """Look whether a window can be opened, and say why not; takes half a second.

    Raises:
        DeviceError: If it can't.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and "QT_QPA_PLATFORM" not in os.environ:
        raise DeviceError(
            "a window can't be shown: there is no display (DISPLAY isn't set): leave --show out, or use --save, "
            "or run it where there is one"
        )
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            # -P: a file of the current folder must not take the place of a module.
            [sys.executable, "-P", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"a window can't be shown: the display doesn't answer within {_PROBE_S:.0f} s") from error
    if problem := judge_probe(done.returncode, done.stderr):
        raise DeviceError(f"a window can't be shown: {problem}, or leave --show out and use --save")


def judge_probe(returncode: int, stderr: str) -> str | None:
    """Why a window couldn't be opened, and what to do; None if it could.

    Args:
        returncode: Of the process that tried.
        stderr: What it said.
    """
    if returncode == 0:
        return None
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    reason = (lines[-1] if "Traceback" in stderr else lines[0])[:200] if lines else f"exit status {returncode}"
    reason = reason.rstrip(".")
    if "could not connect" in reason:
        return f"{reason}: let DISPLAY name a display that runs and that you may use"
    # Qt says this where a library lacks; its name stands only in the log that QT_DEBUG_PLUGINS=1 writes.
    if "platform plugin" in reason:
        return f"{reason}: run 'apt-get install libsm6 libxext6'"
    return reason
