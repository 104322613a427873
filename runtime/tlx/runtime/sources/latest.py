"""A live source as an iterator: always its newest picture, and never an old one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Final

from tlx.runtime.frames import Frame, LiveSource, State, StateChange

MAX_AGE_S: Final = 1.0
_WAKE_S: Final = 0.2
_MAX_CHANGES: Final = 256


def iterate_live(
    source: LiveSource, *, max_age_s: float = MAX_AGE_S, on_state: Callable[[StateChange], None] | None = None
) -> Generator[Frame, None, None]:
    """Capture for as long as the iterator is used, and give pictures that show what is there now.

    A picture that comes while the one before is still being worked on takes the place of any that waits. Pictures of
    a frozen, blank or lost source, and those that are older than ``max_age_s`` when they are asked for, aren't given.

    Args:
        source: A camera or a stream; it never ends by itself.
        max_age_s: In seconds since its capture.
        on_state: Told what the source is doing, in the iterating thread, before the pictures after it are given.
    """
    newest = _Newest()
    capture = source.start(newest.put)
    try:
        while True:
            changes, frame = newest.take()
            for change in changes:
                if on_state is not None:
                    on_state(change)
            if frame is not None and may_be_given(frame, time.monotonic(), max_age_s):
                yield frame
    finally:
        capture.stop()


def may_be_given(frame: Frame, now_s: float, max_age_s: float) -> bool:
    """Whether a live picture shows what is there now."""
    shows = frame.image_rgb is not None and frame.state in {None, State.LIVE}
    return shows and now_s - frame.captured_s <= max_age_s


class _Newest:
    """Room for one picture, and for the changes of state before it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._changes: deque[StateChange] = deque(maxlen=_MAX_CHANGES)
        self._frame: Frame | None = None

    def put(self, item: Frame | StateChange) -> None:
        with self._changed:
            if isinstance(item, StateChange):
                self._changes.append(item)
            else:
                self._frame = item
            self._changed.notify_all()

    def take(self) -> tuple[list[StateChange], Frame | None]:
        """Wait for something; what was there before a change is out of date, so changes come first."""
        with self._changed:
            while self._frame is None and not self._changes:
                # Waiting with a limit lets Ctrl-C through everywhere.
                self._changed.wait(_WAKE_S)
            changes, self._changes = list(self._changes), deque(maxlen=_MAX_CHANGES)
            frame, self._frame = self._frame, None
            return changes, frame
