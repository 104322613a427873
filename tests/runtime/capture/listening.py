"""What the tests of live sources share: pictures, and an ear for what is delivered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tlx.opencv import cv2
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.frames import Capture, Frame, LiveSource, State, StateChange

PATIENCE_S = 20.0
"""Against hangs only."""

LIVELY = CaptureSettings(
    stalled_after_s=PATIENCE_S, read_timeout_s=PATIENCE_S, frozen_after_s=PATIENCE_S, first_wait_s=0.01, max_wait_s=0.05
)
"""Tries again at once, and a busy machine isn't taken for a camera that hangs."""

IMPATIENT = replace(LIVELY, open_timeout_s=2.0, read_timeout_s=0.8, stalled_after_s=0.3)
"""For what hangs on purpose."""


def make_jpeg(seed: int = 0, size_wh: tuple[int, int] = (160, 120)) -> bytes:
    """A picture of coloured tiles, another one for each seed."""
    tiles = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return plain_jpeg(cv2.resize(tiles, size_wh, interpolation=cv2.INTER_NEAREST))


def decode_jpeg(content: bytes) -> npt.NDArray[np.uint8]:
    """As OpenCV decodes it: RGB."""
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def plain_jpeg(image: object) -> bytes:
    """An OpenCV picture as JPEG."""
    return cv2.imencode(".jpg", image)[1].tobytes()  # type: ignore[call-overload, no-any-return]


class Ear:
    """Remembers what a source delivers, and waits for it."""

    def __init__(self) -> None:
        self.items: list[Frame | StateChange] = []
        self._changed = threading.Condition()

    def deliver(self, item: Frame | StateChange) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    @property
    def frames(self) -> list[Frame]:
        return [item for item in list(self.items) if isinstance(item, Frame)]

    @property
    def indexes(self) -> list[int]:
        return [frame.index for frame in self.frames if frame.index is not None]

    @property
    def pictures(self) -> set[bytes]:
        return {frame.image_rgb.tobytes() for frame in self.frames if frame.image_rgb is not None}

    @property
    def changes(self) -> list[StateChange]:
        return [item for item in list(self.items) if isinstance(item, StateChange)]

    @property
    def states(self) -> list[State]:
        return [change.state for change in self.changes]

    def wait(self, is_met: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        with self._changed:
            while not is_met():
                assert time.monotonic() < deadline_s, f"not within {PATIENCE_S} s: {self.changes[-8:]}"
                self._changed.wait(0.02)  # counters change without a word

    def wait_for(self, state: State, *, times: int = 1) -> StateChange:
        self.wait(lambda: self.states.count(state) >= times)
        return [change for change in self.changes if change.state is state][times - 1]

    def wait_for_frames(self, count: int) -> None:
        self.wait(lambda: len(self.frames) >= count)


@contextmanager
def listening(source: LiveSource) -> Iterator[tuple[Ear, Capture]]:
    """Run a source; it's stopped in the end, in time."""
    ear = Ear()
    capture = source.start(ear.deliver)
    try:
        yield ear, capture
    finally:
        started_s = time.monotonic()
        capture.stop()
        assert time.monotonic() - started_s < 2
