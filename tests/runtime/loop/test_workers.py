from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.runtime.loop.workers import OrderedWorkers, Plan


def squares(numbers: Sequence[int]) -> list[int]:
    return [number * number for number in numbers]


@settings(deadline=None, max_examples=25)
@given(count=st.integers(0, 40), workers=st.integers(1, 4), ahead=st.integers(1, 9), batch=st.integers(1, 5))
def test_there_is_an_output_for_each_item_in_order(count: int, workers: int, ahead: int, batch: int) -> None:
    pool = OrderedWorkers[int, int](squares, Plan(workers, ahead, lambda: batch))
    assert list(pool.map(range(count))) == [number * number for number in range(count)]


def test_the_slow_first_one_doesnt_change_the_order() -> None:
    def work(numbers: Sequence[int]) -> list[int]:
        if 0 in numbers:
            time.sleep(0.05)
        return list(numbers)

    assert list(OrderedWorkers[int, int](work, Plan(3, 12, lambda: 1)).map(range(12))) == list(range(12))


def test_no_more_is_begun_than_agreed() -> None:
    begun = itertools.count()
    last = 0

    def read() -> Iterator[int]:
        nonlocal last
        for number in range(1000):
            last = next(begun)
            yield number

    outputs = OrderedWorkers[int, int](squares, Plan(2, 5, lambda: 2)).map(read())
    for done in range(20):
        next(outputs)
        assert last <= done + 1 + 5
    outputs.close()


def test_what_is_done_comes_out_while_the_items_hesitate() -> None:
    """A list on stdin that grows slowly: its first photos are answered before the next one is named."""
    more = threading.Event()

    def read() -> Iterator[int]:
        yield 2
        assert more.wait(60)
        yield 3

    outputs = OrderedWorkers[int, int](squares, Plan(2, 8, lambda: 4)).map(read())
    assert next(outputs) == 4
    more.set()
    assert list(outputs) == [9]


def test_an_error_of_the_work_comes_out_in_its_turn() -> None:
    def work(numbers: Sequence[int]) -> list[int]:
        if 5 in numbers:
            raise ValueError("five")
        return list(numbers)

    outputs = OrderedWorkers[int, int](work, Plan(2, 8, lambda: 1)).map(range(50))
    assert [next(outputs) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(outputs)


def test_an_error_of_the_items_comes_out_after_those_before_it() -> None:
    def read() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("the disk is gone")

    outputs = OrderedWorkers[int, int](squares, Plan(2, 8, lambda: 1)).map(read())
    assert [next(outputs), next(outputs)] == [1, 4]
    with pytest.raises(OSError, match="the disk is gone"):
        next(outputs)


def test_closing_ends_the_threads_and_the_items() -> None:
    closed = threading.Event()

    def read() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    outputs = OrderedWorkers[int, int](squares, Plan(2, 8, lambda: 1)).map(read())
    next(outputs)
    outputs.close()
    assert closed.wait(60)
    assert not [thread for thread in threading.enumerate() if thread.name == "tlx-worker"]


def test_a_worker_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    def work(numbers: Sequence[int]) -> list[int]:
        if 1 in numbers:
            release.wait(60)
        return list(numbers)

    outputs = OrderedWorkers[int, int](work, Plan(2, 8, lambda: 1)).map(range(9))
    assert next(outputs) == 0
    outputs.close()  # comes back, though one thread doesn't
    release.set()


def test_many_workers_that_hang_are_left_behind_together() -> None:
    release = threading.Event()

    def hang(numbers: Sequence[int]) -> list[int]:
        if 0 not in numbers:
            release.wait(60)
        return list(numbers)

    outputs = OrderedWorkers[int, int](hang, Plan(8, 64, lambda: 1)).map(range(64))
    assert next(outputs) == 0
    began_s = time.monotonic()
    outputs.close()
    assert time.monotonic() - began_s < 5  # one second for all, not for each
    release.set()


def test_all_workers_have_something_to_do_at_the_end() -> None:
    """Eight last items in one batch of eight would leave the other worker idle."""
    meeting = threading.Barrier(2, timeout=60)

    def work(numbers: Sequence[int]) -> list[int]:
        meeting.wait()
        return list(numbers)

    outputs = OrderedWorkers[int, int](work, Plan(2, 16, lambda: 1))
    assert list(outputs.map(range(8))) == list(range(8))
