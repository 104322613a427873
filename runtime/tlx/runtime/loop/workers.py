"""Many threads at work, their results in order, and never more of it in memory than was agreed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast

Item = TypeVar("Item")
Output = TypeVar("Output")

_WAKE_S: Final = 0.2
_LEAVE_BEHIND_AFTER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _End:
    """No more outputs; one may be None."""


_END: Final = _End()


@dataclass(frozen=True, slots=True)
class _Failure:
    """What ended the items or the work: raised when its turn has come."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Plan:
    """How the work is shared.

    Attributes:
        workers: Threads.
        ahead: How many items may be begun, or done, before the one whose turn it is.
        batch: Says how many items a worker takes at once; it takes fewer where fewer are there.
    """

    workers: int
    ahead: int
    batch: Callable[[], int]


class OrderedWorkers(Generic[Item, Output]):
    """``map`` with threads: an output for each item, in their order.

    A thread reads the items, so that a slow list holds up nobody: what can be done is done and handed out while it
    waits. Threads that hang (in a dead network drive, say) are left behind when the generator is closed.
    """

    def __init__(self, function: Callable[[Sequence[Item]], Sequence[Output]], plan: Plan) -> None:
        """Prepare; nothing starts yet.

        Args:
            function: From one or more items to an output for each.
            plan: How the work is shared.
        """
        self._function = function
        self._plan = plan
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, Item]] = deque()
        self._done: dict[int, Output | _Failure] = {}
        self._handed_out = 0
        self._total: int | None = None
        self._stopped = False

    def map(self, items: Iterable[Item]) -> Generator[Output, None, None]:
        """The outputs. What ``items`` or the function raises comes out in its turn."""
        jobs: list[Callable[[], None]] = [lambda: self._read(items), *[self._work] * self._plan.workers]
        threads = [threading.Thread(target=job, name="tlx-worker", daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            while (outcome := self._next()) is not _END:
                yield cast("Output", outcome)
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            until_s = time.monotonic() + _LEAVE_BEHIND_AFTER_S
            for thread in threads:
                thread.join(max(0.0, until_s - time.monotonic()))

    def _read(self, items: Iterable[Item]) -> None:
        count = 0
        iterator = iter(items)
        try:
            for item in iterator:
                if not self._admit(count, item):
                    break
                count += 1
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
            self._finish(count, _Failure(error))
        finally:
            if (close := getattr(iterator, "close", None)) is not None:
                close()
            with self._changed:
                self._total = count
                self._changed.notify_all()

    def _admit(self, number: int, item: Item) -> bool:
        with self._changed:
            while number - self._handed_out >= self._plan.ahead and not self._stopped:
                self._changed.wait(_WAKE_S)
            self._waiting.append((number, item))
            self._changed.notify_all()
            return not self._stopped

    def _work(self) -> None:
        while batch := self._take():
            first = batch[0][0]
            try:
                outputs = self._function([item for _, item in batch])
            except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
                self._finish(first, _Failure(error))
                return
            with self._changed:
                self._done.update(zip((number for number, _ in batch), outputs, strict=True))
                self._changed.notify_all()

    def _take(self) -> list[tuple[int, Item]]:
        with self._changed:
            while not self._waiting and self._total is None and not self._stopped:
                self._changed.wait(_WAKE_S)
            if self._stopped or not self._waiting:
                return []
            count = min(self._plan.batch(), self._share())
            return [self._waiting.popleft() for _ in range(count)]

    def _share(self) -> int:
        # The last few items are for all workers, not for the first that comes.
        if self._total is None:
            return len(self._waiting)
        return max(1, -(-len(self._waiting) // self._plan.workers))

    def _finish(self, number: int, outcome: Output | _Failure) -> None:
        with self._changed:
            self._done[number] = outcome
            self._changed.notify_all()

    def _next(self) -> Output | _End:
        with self._changed:
            while self._handed_out not in self._done:
                if self._total is not None and self._handed_out >= self._total:
                    return _END
                # Waiting with a limit lets Ctrl-C through everywhere.
                self._changed.wait(_WAKE_S)
            outcome = self._done.pop(self._handed_out)
            self._handed_out += 1
            self._changed.notify_all()
        if isinstance(outcome, _Failure):
            raise outcome.error
        return outcome
