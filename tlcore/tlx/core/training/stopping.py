"""Ctrl-C and SIGTERM during a training: never lost, and while a network learns the step in progress is finished first.

Python calls signal handlers wherever the main thread happens to be. In a destructor or a callback of the garbage
collector (JAX has one, and TensorFlow's tools import JAX where it's installed) what they raise is printed and dropped,
and the training would go on as if nobody had asked. So a stop is remembered, and done at the next occasion.
"""

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
def remembered_stop() -> Iterator[StopRequest]:
    """Let SIGINT and SIGTERM act at once, and remember them in case what they raise gets lost.

    Outside of the main thread signals can't be caught, and nothing changes.
    """
    request = StopRequest()
    with _handling(request, at_once=True):
        yield request


@contextmanager
def deferred_stop() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second one acts at once.

    Outside of the main thread signals can't be caught, and nothing changes.
    """
    request = StopRequest()
    with _handling(request, at_once=False):
        yield request


@contextmanager
def _handling(request: StopRequest, *, at_once: bool) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}

    def handle(signum: int, frame: FrameType | None) -> None:
        act = at_once or bool(request)
        request.note(signum)
        if not act:
            return
        if callable(before[signum]):
            before[signum](signum, frame)
        else:
            signal.signal(signum, before[signum])
            signal.raise_signal(signum)

    # An ignored signal stays ignored, as in the background of a shell script.
    caught = [signum for signum, handler in before.items() if handler != signal.SIG_IGN]
    for signum in caught:
        signal.signal(signum, handle)
    try:
        yield
    finally:
        for signum in caught:
            signal.signal(signum, before[signum])
