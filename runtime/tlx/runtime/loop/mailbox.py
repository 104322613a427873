"""Where live sources leave their pictures: of each source only the newest waits, changes of state all do.

A loop that is slower than a camera must not work through old pictures: a queue in between would fill, and every label
would be about the past.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Final, Generic, Protocol, TypeVar

from tlx.runtime.frames import StateChange

_WAKE_S: Final = 0.2
_MAX_CHANGES: Final = 256
"""More changes of state than that wait only if nobody looks any more; then the oldest go."""


class _Sourced(Protocol):
    @property
    def source(self) -> str: ...


Picture = TypeVar("Picture", bound=_Sourced)


class Mailbox(Generic[Picture]):
    """Between threads: a picture takes the place of the one of its source that still waits.

    What a source says keeps its order; sources take turns.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Picture | StateChange] = deque()
        self._dropped: Counter[str] = Counter()
        self._closed = False

    def put(self, item: Picture | StateChange) -> None:
        """Leave an item; never waits. Ignored once the mailbox is closed."""
        with self._changed:
            if self._closed:
                return
            if isinstance(item, StateChange):
                self._waiting.append(item)
                self._forget_old_changes()
            else:
                self._put_picture(item)
            self._changed.notify()

    def take(self, timeout_s: float | None = None) -> Picture | StateChange | None:
        """The next item; None when the time is over, or the mailbox closed."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not self._waiting and not self._closed:
                left_s = _WAKE_S if until_s is None else until_s - time.monotonic()
                if left_s <= 0:
                    return None
                # Waiting with a limit lets Ctrl-C through everywhere.
                self._changed.wait(min(left_s, _WAKE_S))
            return None if self._closed else self._waiting.popleft()

    def close(self) -> None:
        """Let go of everything, and of whoever waits."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    def dropped(self) -> int:
        """How many pictures a newer one replaced, of all sources together."""
        with self._changed:
            return self._dropped.total()

    def _put_picture(self, picture: Picture) -> None:
        for place in range(len(self._waiting) - 1, -1, -1):
            there = self._waiting[place]
            if there.source != picture.source:
                continue
            if isinstance(there, StateChange):
                break  # what was said after an older picture must not come before it
            self._dropped[picture.source] += 1
            self._waiting[place] = picture
            return
        self._waiting.append(picture)

    def _forget_old_changes(self) -> None:
        changes = [item for item in self._waiting if isinstance(item, StateChange)]
        if len(changes) > _MAX_CHANGES:
            self._waiting.remove(changes[0])
