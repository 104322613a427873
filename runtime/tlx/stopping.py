"""Ctrl-C and SIGTERM during a long job: never lost, and deferred where a step in progress has to be finished first.

Python calls signal handlers wherever the main thread happens to be. In a destructor or a callback of the garbage
collector (JAX has one, and TensorFlow's tools import JAX where it's installed) what they raise is printed and dropped,
libraries with a bare ``except`` drop it without a word, and the job would go on as if nobody had asked. So a stop is
remembered, and done at the next occasion, at the latest at the end of the block. What is raised while TensorFlow's C++
code is at work may come out of it with a traceback of its own, so there it is deferred.
"""

from __future__ import annotations

import functools
import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import FrameType
from typing import Any

from tlx.progress import Progress

# Windows knows no hang-up.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class StopRequest:
    """Whether somebody asked to stop, and how the process should then end."""

    def __init__(self) -> None:
        self._signal: int | None = None

    def __bool__(self) -> bool:
        return self._signal is not None

    def note(self, signum: int) -> None:
        """Remember a signal."""
        self._signal = signum

    def pass_on(self) -> None:
        """Send the signal again, if there was one, to whatever handles it now."""
        if self._signal is not None:
            signal.raise_signal(self._signal)

    def leave(self) -> None:
        """Do what the signal would have done, if there was one.

        Raises:
            KeyboardInterrupt: After SIGINT.
            SystemExit: After SIGTERM with 143, after SIGHUP with 129.
        """
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self._signal is not None:
            raise SystemExit(128 + self._signal)


@contextmanager
def remembered_stop() -> Iterator[StopRequest]:
    """Let SIGINT, SIGTERM and SIGHUP act at once, and remember them in case what they raise gets lost.

    A block that ends as if nobody had asked is left as the signal wanted. Outside of the main thread signals can't be
    caught, and nothing changes.
    """
    request = StopRequest()
    with _without_echo(request), _handling(request, at_once=True):
        yield request


@contextmanager
def deferred_stop() -> Iterator[StopRequest]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a request; a second one acts at once.

    A request that the block didn't act upon, such as one that came with its last line, goes to whoever handled signals
    before. Outside of the main thread signals can't be caught, and nothing changes.
    """
    request = StopRequest()
    with _handling(request, at_once=False):
        yield request


def stopping_progress(progress: Progress, stop: StopRequest) -> Progress:
    """The same listener; it also ends a job whose stop waits or got lost."""

    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        stop.leave()
        progress(stage, done, total, note)

    return tell


def defer_stops_while_compiled_modules_load() -> None:
    """From now on, let no first Ctrl-C or SIGTERM interrupt the import of a module that C or C++ made.

    It acts once the module is there. What a handler raises before, bindings turn into a segmentation fault, and a
    module that is created but not executed crashes when it's dropped (nanobind, in onnx). No public place of the import
    system spans both steps, so this is for a process of our own.
    """
    bootstrap: Any = importlib._bootstrap  # noqa: SLF001
    load = bootstrap._load_unlocked  # noqa: SLF001

    @functools.wraps(load)
    def load_whole(spec: ModuleSpec) -> Any:
        if not isinstance(spec.loader, ExtensionFileLoader):
            return load(spec)
        with deferred_stop():
            return load(spec)

    bootstrap._load_unlocked = load_whole  # noqa: SLF001


@contextmanager
def _without_echo(request: StopRequest) -> Iterator[None]:
    """Print no traceback of a stop that a destructor or a callback dropped: it's remembered, and will be done."""
    before = sys.unraisablehook

    def tell(unraisable: Any) -> None:
        if not (request and isinstance(unraisable.exc_value, (KeyboardInterrupt, SystemExit))):
            before(unraisable)

    sys.unraisablehook = tell
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _handling(request: StopRequest, *, at_once: bool) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {
        signum: _Handler(request, signal.getsignal(signum), at_once=at_once)
        for signum in _SIGNALS
        # An ignored signal stays ignored, as in the background of a shell script.
        if signal.getsignal(signum) != signal.SIG_IGN
    }
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
    try:
        yield
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler.before)
    # Reached only if nothing was raised: whoever asked would be forgotten here.
    request.pass_on()


class _Handler:
    """Notes a signal, and passes it on or waits."""

    def __init__(self, request: StopRequest, before: Any, *, at_once: bool) -> None:
        self.before = before
        self._request = request
        self._at_once = at_once

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self._at_once or self._request:
            self.act(signum, frame)
        else:
            self._request.note(signum)

    def act(self, signum: int, frame: FrameType | None) -> None:
        """Do at once what was done before there was this handler, whatever waits around it."""
        self._request.note(signum)
        if isinstance(self.before, _Handler):
            self.before.act(signum, frame)
        elif callable(self.before):
            self.before(signum, frame)
        else:
            signal.signal(signum, self.before)
            signal.raise_signal(signum)
