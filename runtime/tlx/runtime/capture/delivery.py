"""What a running source tells its user: pictures, changes of state, and counts of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from tlx.runtime.capture.checks import judge_picture
from tlx.runtime.capture.messages import Picture
from tlx.runtime.capture.process import CaptureProcess
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.frames import CaptureCounters, Frame, State, StateChange


class Delivery:
    """Makes frames and state changes; all but :meth:`counters` and :meth:`close` belong to one thread.

    Attributes:
        state: The last one that was told; None before the first.
    """

    def __init__(self, name: str, settings: CaptureSettings, deliver: Callable[[Frame | StateChange], None]) -> None:
        """Begin with nothing told."""
        self.state: State | None = None
        self._name = name
        self._settings = settings
        self._deliver = deliver
        self._lock = threading.Lock()
        self._counters = CaptureCounters()
        self._is_closed = threading.Event()
        self._before_process = 0
        self._size_hw: tuple[int, int] | None = None

    def counters(self) -> CaptureCounters:
        """The counts so far."""
        with self._lock:
            return self._counters

    def close(self) -> None:
        """Tell nothing from now on."""
        self._is_closed.set()

    def change(self, state: State, reason: str | None) -> None:
        """Tell of a state, also of the same one for another reason."""
        self.state = state
        if not self._is_closed.is_set():
            self._deliver(StateChange(self._name, state, reason, time.monotonic()))

    def begin_process(self) -> None:
        """A process was started; its pictures are counted from 1 again."""
        with self._lock:
            self._before_process = self._counters.captured

    def add(self, *, restarts: int = 0, abandoned: int = 0) -> None:
        """Count what happened to processes."""
        with self._lock:
            so_far = self._counters
            self._counters = replace(
                so_far, restarts=so_far.restarts + restarts, abandoned=so_far.abandoned + abandoned
            )

    def show(self, picture: Picture, process: CaptureProcess, note: str | None) -> None:
        """Deliver a picture that the process told of, and what is new about it.

        Args:
            picture: The newest; those before it that weren't shown count as dropped.
            process: Whose memory it's in.
            note: Told with the state, if that becomes ``live``.
        """
        image_rgb = process.read(picture.number, picture.size_hw)
        captured = self._before_process + picture.number
        with self._lock:
            so_far = self._counters
            new = captured - so_far.captured
            lost = new - (image_rgb is not None)
            self._counters = replace(so_far, captured=captured, dropped=so_far.dropped + lost)
        if image_rgb is None:
            return
        state, reason = judge_picture(picture, self._settings)
        if state is not self.state:
            self.change(state, reason or note)
        if self._size_hw is not None and picture.size_hw != self._size_hw:
            self.change(state, _describe_sizes(self._size_hw, picture.size_hw))
        self._size_hw = picture.size_hw
        if not self._is_closed.is_set():
            index = captured - 1
            self._deliver(Frame(self._name, image_rgb, None, index, picture.captured_s, state=state, reason=reason))


def _describe_sizes(before_hw: tuple[int, int], now_hw: tuple[int, int]) -> str:
    return "the picture's size changed from {1}x{0} to {3}x{2}".format(*before_hw, *now_hw)
