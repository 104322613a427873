"""When pictures are seen in a video: arithmetic, and that any times give real time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.runtime.output.timeline import Timeline, advance, rate_of_file


def place(times_s: list[float], rate: float, longest_pause_s: float = math.inf) -> list[int | None]:
    """The slot of each picture; None where it's left out."""
    timeline, slots = Timeline(rate, times_s[0], longest_pause_s=longest_pause_s), []
    for at_s in times_s:
        before = timeline.slots
        timeline, repeats, is_new = advance(timeline, at_s)
        assert timeline.slots == before + repeats + is_new
        slots.append(timeline.slots - 1 if is_new else None)
    return slots


@pytest.mark.parametrize(
    ("times_s", "slots"),
    [
        ([0.0, 0.1, 0.2], [0, 1, 2]),
        ([7.0, 7.1, 7.2], [0, 1, 2]),
        ([0.0, 0.5, 0.6], [0, 5, 6]),  # the first is repeated
        ([0.0, 0.03, 0.1, 0.12], [0, None, 1, None]),  # too many are left out
        ([0.0, -1.0, 0.1], [0, None, 1]),
        ([0.0, 0.04, 0.16, 0.24], [0, None, 2, None]),
    ],
)
def test_pictures_take_the_slot_of_their_time(times_s: list[float], slots: list[int | None]) -> None:
    assert place(times_s, 10.0) == slots


def test_a_long_pause_is_shortened_where_that_is_wanted() -> None:
    assert place([0.0, 3600.0, 3600.1], 10.0, longest_pause_s=5.0) == [0, 51, 52]
    assert place([0.0, 60.0], 10.0) == [0, 600]


@pytest.mark.parametrize(
    ("told", "stride", "rate"),
    [(25.0, 1, 25.0), (25.0, 5, 5.0), (30.0, 300, 1.0), (0.0, 1, 25.0), (math.nan, 1, 25.0), (90000.0, 2, 12.5)],
)
def test_the_rate_of_a_files_video(told: float, stride: int, rate: float) -> None:
    assert rate_of_file(told, stride) == rate


@given(st.lists(st.floats(0.001, 4.0), max_size=50), st.sampled_from([1.0, 10.0, 15.0, 29.97]))
def test_a_video_is_as_long_as_what_it_shows(steps_s: list[float], rate: float) -> None:
    timeline, at_s = Timeline(rate, 100.0, longest_pause_s=5.0), 100.0
    for step_s in [0.0, *steps_s]:
        at_s += step_s
        timeline, repeats, _ = advance(timeline, at_s)
        assert repeats >= 0
        assert abs((timeline.slots - 1) / rate - (at_s - 100)) <= 1 / rate
