from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tlx.runtime.background import iterate_ahead, map_ahead


def slow_square(number: int) -> int:
    time.sleep(0.02 if number % 3 == 0 else 0.001)
    return number * number


def test_map_ahead_keeps_the_order() -> None:
    assert list(map_ahead(slow_square, range(20), workers=4, ahead=4)) == [n * n for n in range(20)]


def test_map_ahead_of_nothing_is_nothing() -> None:
    assert list(map_ahead(slow_square, [], workers=2, ahead=2)) == []


def test_map_ahead_works_at_the_same_time() -> None:
    # Each waits for the other: one after the other would never end.
    barrier = threading.Barrier(2, timeout=10)
    list(map_ahead(lambda _: barrier.wait(), range(2), workers=2, ahead=2))


def test_map_ahead_stays_within_its_bound() -> None:
    begun: list[int] = []
    results = map_ahead(lambda n: begun.append(n) or n, range(100), workers=2, ahead=3)  # type: ignore[func-returns-value]
    next(results)
    time.sleep(0.1)
    assert len(begun) <= 4
    results.close()


def test_map_ahead_raises_in_its_turn() -> None:
    results = map_ahead(lambda n: 1 // n, [1, 2, 0, 4], workers=2, ahead=4)
    assert [next(results), next(results)] == [1, 0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def tlx_threads() -> set[str]:
    # The one thread that runs graphs of GPUs is the process's own, and stays.
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith("tlx-") and not name.startswith("tlx-gpu")}


def test_map_ahead_leaves_no_thread_when_closed_early() -> None:
    results = map_ahead(slow_square, range(1000), workers=2, ahead=10)
    next(results)
    results.close()
    assert tlx_threads() == set()


def counting(closed: list[str], limit: int = 1000) -> Iterator[int]:
    try:
        yield from range(limit)
    finally:
        closed.append(threading.current_thread().name)


def test_iterate_ahead_keeps_the_order_and_closes_in_its_own_thread() -> None:
    closed: list[str] = []
    assert list(iterate_ahead(counting(closed, 50), ahead=3)) == list(range(50))
    assert closed == ["tlx-read"]


def test_iterate_ahead_closes_the_iterator_when_the_consumer_stops() -> None:
    closed: list[str] = []
    numbers = iterate_ahead(counting(closed), ahead=3)
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()
    assert closed == ["tlx-read"]
    assert tlx_threads() == set()


def test_iterate_ahead_passes_exceptions_on() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    numbers = iterate_ahead(failing(), ahead=2)
    assert next(numbers) == 1
    with pytest.raises(KeyError, match="two"):
        next(numbers)
    assert tlx_threads() == set()
