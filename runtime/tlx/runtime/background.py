"""Work done ahead in threads, handed over in order.

Decoding and inference both leave Python's lock, so that the next pictures can be decoded while one is classified.
What is ahead is bounded: a 50-megapixel photo takes 150 MB.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tlx.runtime.loop.workers import OrderedWorkers, Plan

Item = TypeVar("Item")
Result = TypeVar("Result")

_STOP_CHECK_S: Final = 0.1
_LEAVE_BEHIND_AFTER_S: Final = 1.0


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int
) -> Generator[Result, None, None]:
    """``map`` in threads: results in the order of the items, at most ``ahead`` of them computed and not yet taken.

    An exception of ``function`` comes out when its result's turn has come. Closing the iterator cancels what
    hasn't begun.
    """
    plan = Plan(workers, max(1, ahead), batch=lambda: 1)
    pool = OrderedWorkers[Item, Result](lambda some: [function(item) for item in some], plan)
    yield from pool.map(items)


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[Item]):
    item: Item | None = None
    error: BaseException | None = None
    is_last: bool = False


def iterate_ahead(iterable: Iterable[Item], *, ahead: int) -> Generator[Item, None, None]:
    """Run an iterator in a thread, at most ``ahead`` items before the consumer.

    Its exceptions come out here. Closing this iterator closes that one, in its own thread; if it's in the middle of
    something that takes longer, the thread is left behind to do so later.
    """
    outcomes: queue.Queue[_Outcome[Item]] = queue.Queue(ahead)
    stopped = threading.Event()
    thread = threading.Thread(target=_produce, args=(iter(iterable), outcomes, stopped), name="tlx-read", daemon=True)
    thread.start()
    try:
        while not (outcome := outcomes.get()).is_last:
            if outcome.error is not None:
                raise outcome.error
            assert outcome.item is not None
            yield outcome.item
    finally:
        stopped.set()
        thread.join(_LEAVE_BEHIND_AFTER_S)


def _produce(iterator: Iterator[Item], outcomes: queue.Queue[_Outcome[Item]], stopped: threading.Event) -> None:
    try:
        for item in iterator:
            _put(outcomes, _Outcome(item=item), stopped)
            if stopped.is_set():
                break
    except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
        _put(outcomes, _Outcome(error=error), stopped)
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
        _put(outcomes, _Outcome(is_last=True), stopped)


def _put(outcomes: queue.Queue[_Outcome[Item]], outcome: _Outcome[Item], stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            return outcomes.put(outcome, timeout=_STOP_CHECK_S)
        except queue.Full:
            continue
    return None
