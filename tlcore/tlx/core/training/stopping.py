"""Ctrl-C and SIGTERM while a network learns: the step in progress is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopRequest:
    """Whether somebody asked to stop, and how the process should then end."""

    def __init__(self) -> None:
        self._signal: int | None = None

    def __bool__(self) -> bool:
        return self._signal is not None

    def note(self, signum: int) -> None:
        """Remember a signal."""
        self._signal = signum

    def leave(self) -> None:
        """Do what the signal would have done, if there was one.

        Raises:
            KeyboardInterrupt: After SIGINT.
            SystemExit: After SIGTERM, with 143.
        """
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self._signal is not None:
            raise SystemExit(128 + self._signal)


@contextmanager
def deferred_stop() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second one acts at once.

    Outside of the main thread signals can't be caught, and nothing changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, Any] = {signum: signal.getsignal(signum) for signum in signals}

    def handle(signum: int, frame: FrameType | None) -> None:
        if request:
            restore()
            signal.raise_signal(signum)
        del frame
        request.note(signum)

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    for signum in signals:
        signal.signal(signum, handle)
    try:
        yield request
    finally:
        restore()
