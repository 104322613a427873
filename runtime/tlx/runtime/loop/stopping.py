"""Ending a loop from outside: a signal asks, the loop ends itself."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any


class StopRequest:
    """Whether the process was asked to end.

    Attributes:
        signal: By which signal; None as long as nobody asked.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


def _signals() -> list[signal.Signals]:
    """Those that ask for an end; a hang-up that nohup had ignored isn't one."""
    hang_up = getattr(signal, "SIGHUP", None)
    asked = [signal.SIGINT, signal.SIGTERM]
    return [*asked, hang_up] if hang_up and signal.getsignal(hang_up) is not signal.SIG_IGN else asked


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; the second one does what it did before this block.

    For the main thread only.
    """
    request = StopRequest()
    before: dict[int, Any] = {}

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        request.signal = signal.Signals(number)
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in _signals():
        before[number] = signal.signal(number, ask)
    try:
        yield request
    finally:
        restore()
