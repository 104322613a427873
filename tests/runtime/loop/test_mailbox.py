from __future__ import annotations

import threading
import time

import numpy as np

from tlx.runtime.frames import Frame, State, StateChange
from tlx.runtime.loop.mailbox import Mailbox


def picture(source: str, index: int) -> Frame:
    return Frame(source, np.zeros((1, 1, 3), np.uint8), None, index, 0.0)


def change(source: str, state: State = State.STALLED) -> StateChange:
    return StateChange(source, state, None, 0.0)


def drain(mailbox: Mailbox[Frame]) -> list[tuple[str, int | State]]:
    found: list[tuple[str, int | State]] = []
    while (item := mailbox.take(0)) is not None:
        found.append((item.source, item.state if isinstance(item, StateChange) else item.index or 0))
    return found


def test_only_the_newest_picture_of_each_source_waits() -> None:
    mailbox = Mailbox[Frame]()
    for index in range(5):
        mailbox.put(picture("a", index))
    mailbox.put(picture("b", 7))
    assert drain(mailbox) == [("a", 4), ("b", 7)]
    assert mailbox.dropped() == 4


def test_a_source_that_talks_much_doesnt_push_in_before_others() -> None:
    mailbox = Mailbox[Frame]()
    mailbox.put(picture("a", 0))
    mailbox.put(picture("b", 0))
    mailbox.put(picture("a", 1))
    assert drain(mailbox) == [("a", 1), ("b", 0)]


def test_changes_of_state_all_arrive_and_keep_their_place_among_the_pictures() -> None:
    mailbox = Mailbox[Frame]()
    mailbox.put(picture("a", 0))
    mailbox.put(change("a"))
    mailbox.put(change("a", State.LIVE))
    mailbox.put(picture("a", 1))
    mailbox.put(picture("a", 2))
    assert drain(mailbox) == [("a", 0), ("a", State.STALLED), ("a", State.LIVE), ("a", 2)]


def test_nobody_looking_for_a_year_takes_no_memory() -> None:
    mailbox = Mailbox[Frame]()
    for _ in range(10_000):
        mailbox.put(change("a"))
        mailbox.put(change("a", State.LIVE))
    mailbox.put(change("a", State.LOST))
    items = drain(mailbox)
    assert len(items) <= 256
    assert items[-1] == ("a", State.LOST)


def test_take_waits_no_longer_than_it_was_told() -> None:
    assert Mailbox[Frame]().take(0.01) is None


def test_take_is_woken_by_a_picture_and_by_the_end() -> None:
    mailbox = Mailbox[Frame]()
    for act, expected in ((lambda: mailbox.put(picture("a", 3)), 3), (mailbox.close, None)):
        timer = threading.Timer(0.02, act)
        timer.start()
        item = mailbox.take(60)
        timer.join()
        assert getattr(item, "index", None) == expected
    mailbox.put(picture("a", 4))
    assert mailbox.take(0) is None


def test_a_slow_reader_sees_what_is_new() -> None:
    """A writer at full speed against a reader that takes its time: what it gets was put just before."""
    mailbox = Mailbox[Frame]()
    over = threading.Event()

    def write() -> None:
        index = 0
        while not over.is_set():
            mailbox.put(picture("a", index))
            index += 1

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    for _ in range(5):
        time.sleep(0.01)
        item = mailbox.take(60)
        assert isinstance(item, Frame)
        seen.append(item.index or 0)
    over.set()
    writer.join()
    assert seen == sorted(set(seen))
    assert mailbox.dropped() > 0
