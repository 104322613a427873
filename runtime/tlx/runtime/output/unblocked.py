"""A sink that never keeps the loop waiting, for live sources whose reader may stop reading.

The lines are written by a thread of its own. It looks before each piece whether the pipe has room for it, so that it
can be stopped at any moment and is never stuck in a write.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from tlx.runtime.output.items import Item, Result, Sink
from tlx.runtime.output.lines import TextOut

_LOOK_MS: Final = 100
# A pipe that is ready for writing has room for that much (PIPE_BUF on Linux; POSIX promises 512).
_PIECE_BYTES: Final = min(getattr(select, "PIPE_BUF", 512), 4096)
_MAX_RESULTS: Final = 256
_MAX_OTHERS: Final = 10_000
_FINISH_S: Final = 1.0


class Unblocked:
    """Gives items to a sink in a thread of its own.

    If they come faster than they are written the oldest results are dropped and counted, those without a change of
    the decision first; states and new models are kept (the newest 10,000 of them).

    Attributes:
        dropped: How many items were dropped so far.
    """

    def __init__(
        self, make: Callable[[TextOut, TextOut], Sink], descriptor: int, errors_descriptor: int | None = None
    ) -> None:
        """Start the thread.

        Args:
            make: Makes the sink for a stream of lines and one of errors.
            descriptor: Where the lines go; it stays open.
            errors_descriptor: Where errors go; to the lines if left out.
        """
        self.dropped = 0
        self._stopped = threading.Event()
        out = _PatientText(descriptor, self._stopped)
        errors = out if errors_descriptor is None else _PatientText(errors_descriptor, self._stopped)
        self._sink = make(out, errors)
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._failure: BaseException | None = None
        self._failure_was_told = False
        self._thread = threading.Thread(target=self._run, name="tlx-output", daemon=True)
        self._thread.start()

    @property
    def wants_pictures(self) -> bool:
        """Whether the sink does."""
        return self._sink.wants_pictures

    def write(self, item: Item) -> None:
        """Have one item written soon; returns at once.

        Raises:
            BrokenPipeError: If an item before this one found that nobody reads any more.
            OutputError: If an item before this one couldn't be written.
        """
        with self._changed:
            self._raise_failure()
            self._items.append(item)
            if (place := _find_surplus(self._items)) is not None:
                del self._items[place]
                self.dropped += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Write what still waits, within a second; what can't be written by then is dropped and counted."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(_FINISH_S)
        self._stopped.set()
        self._thread.join()
        with self._changed:
            self.dropped += len(self._items)
            self._items.clear()
            if not self._failure_was_told:
                self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            self._failure_was_told = True
            raise self._failure

    def _run(self) -> None:
        try:
            while (item := self._take()) is not None:
                self._sink.write(item)
            self._sink.close()
        except _StoppedError:
            with self._changed:
                self.dropped += 1
        except BaseException as error:  # noqa: BLE001 - handed to the loop, whatever it is
            with self._changed:
                self._failure = error

    def _take(self) -> Item | None:
        with self._changed:
            while not (self._items or self._is_closing):
                self._changed.wait()
            return self._items.popleft() if self._items else None


def _find_surplus(items: deque[Item]) -> int | None:
    """The place of the item to drop; None if there is room for all."""
    if len(items) <= _MAX_RESULTS:
        return None
    results = [place for place, item in enumerate(items) if isinstance(item, Result)]
    if len(results) > _MAX_RESULTS:
        return next((place for place in results if not _is_change(items[place])), results[0])
    if len(items) - len(results) > _MAX_OTHERS:
        return next(place for place, item in enumerate(items) if not isinstance(item, Result))
    return None


def _is_change(item: Item) -> bool:
    return isinstance(item, Result) and item.decision is not None and item.decision.changed


class _StoppedError(Exception):
    """The lines aren't wanted any more."""


class _PatientText:
    """Text to a descriptor that may be full: waits for room, but not after it was stopped."""

    def __init__(self, descriptor: int, stopped: threading.Event) -> None:
        self._descriptor = descriptor
        self._stopped = stopped

    def write(self, text: str) -> int:
        content = text.encode(errors="backslashreplace")
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while content:
            if self._stopped.is_set():
                raise _StoppedError
            if poll.poll(_LOOK_MS):
                content = content[os.write(self._descriptor, content[:_PIECE_BYTES]) :]
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""
