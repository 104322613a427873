from __future__ import annotations

import pytest
from tests.runtime.output.sample_items import ALL, BAD_PHOTO, FROZEN, LIVE, NEW_MODEL, PHOTO, STALLED, live_result

from tlx.errors import OutputError
from tlx.runtime.output.events import EventsOnly
from tlx.runtime.output.items import Item
from tlx.runtime.output.several import SeveralSinks


class Kept:
    """Keeps what it's given, or fails."""

    def __init__(self, failure: Exception | None = None, *, wants_pictures: bool = False) -> None:
        self.failure = failure
        self.items: list[Item] = []
        self.closed = 0
        self.wants_pictures = wants_pictures

    def write(self, item: Item) -> None:
        if self.failure:
            raise self.failure
        self.items.append(item)

    def close(self) -> None:
        self.closed += 1
        if self.failure:
            raise self.failure


def test_all_get_every_item() -> None:
    kept = [Kept(), Kept()]
    for item in ALL:
        SeveralSinks(tuple(kept)).write(item)
    assert [one.items for one in kept] == [list(ALL), list(ALL)]


def test_those_behind_one_that_fails_get_the_item_and_are_closed() -> None:
    last = Kept()
    sinks = SeveralSinks((Kept(BrokenPipeError()), last))
    with pytest.raises(BrokenPipeError):
        sinks.write(PHOTO)
    with pytest.raises(BrokenPipeError):
        sinks.close()
    assert (last.items, last.closed) == ([PHOTO], 1)


def test_a_real_failure_is_told_rather_than_a_reader_that_left() -> None:
    with pytest.raises(OutputError):
        SeveralSinks((Kept(BrokenPipeError()), Kept(OutputError("full")))).write(PHOTO)


@pytest.mark.parametrize("wants", [True, False])
def test_pictures_are_kept_if_one_wants_them(wants: bool) -> None:
    assert SeveralSinks((Kept(), Kept(wants_pictures=wants))).wants_pictures is wants
    assert EventsOnly(Kept(wants_pictures=wants)).wants_pictures is wants


@pytest.mark.parametrize(
    ("item", "passed"),
    [
        (LIVE, True),
        (live_result(3, changed=False), False),
        (FROZEN, False),
        (BAD_PHOTO, True),
        (PHOTO, True),
        (STALLED, True),
        (NEW_MODEL, True),
    ],
)
def test_events(item: Item, passed: bool) -> None:
    kept = Kept()
    sink = EventsOnly(kept)
    sink.write(item)
    sink.close()
    assert kept.items == [item] * passed
    assert kept.closed == 1
