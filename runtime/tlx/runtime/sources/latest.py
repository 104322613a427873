"""A live source as an iterator: always its newest picture, and never an old one."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Final

from tlx.runtime.frames import MAX_AGE_S, Frame, LiveSource, State, StateChange
from tlx.runtime.loop.mailbox import Mailbox

_WAKE_S: Final = 0.2


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
    newest = Mailbox[Frame]()
    capture = source.start(newest.put)
    try:
        while True:
            item = newest.take(_WAKE_S)
            if isinstance(item, StateChange):
                if on_state is not None:
                    on_state(item)
            elif item is not None and may_be_given(item, time.monotonic(), max_age_s):
                yield item
    finally:
        capture.stop()


def may_be_given(frame: Frame, now_s: float, max_age_s: float) -> bool:
    """Whether a live picture shows what is there now."""
    shows = frame.image_rgb is not None and frame.state in {None, State.LIVE}
    return shows and now_s - frame.captured_s <= max_age_s
