"""How far the learning is, by a clock that the tests turn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tlx.core.compress.course import Course, Pace, left_for_learning, unknown_views_words


class Clock:
    """A second for each twenty photos."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def learn(course: Course, photos: int, a_second: float = 20) -> tuple[list[float], list[int], int]:
    """Learning rates and sizes of all steps, and the passes."""
    clock = Clock()
    pace = Pace(course, photos, clock)
    rates, sizes = [], []
    while not pace.is_over:
        for places in pace.batches(np.arange(photos)):
            rates.append(pace.learning_rate())
            sizes.append(len(places))
            clock.now_s += len(places) / a_second
            pace.add(len(places))
            if pace.is_over:
                break
        pace.end_pass()
    return rates, sizes, pace.passes


def test_the_rate_follows_the_clock_within_a_pass() -> None:
    # There is time for one pass and a half: 1000 s each, and 940 steps.
    rates, sizes, passes = learn(Course(1500, learning_rate=1.0), 20_000)
    assert passes == 2
    assert rates[0] < 0.01
    assert max(rates) > 0.95
    top = rates.index(max(rates))
    assert top < 0.1 * len(rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert all(later <= 1.01 * earlier for earlier, later in pairwise(rates[top:]))
    assert rates[-1] < 0.05
    assert sum(sizes) == pytest.approx(30_000, abs=32)


def test_a_course_of_few_steps_has_a_low_rate_and_ends_low_too() -> None:
    # 60 s of 20 photos: 37 steps of 32.
    rates, _, passes = learn(Course(60, learning_rate=1.0), 2000)
    assert passes == 1
    assert max(rates) == pytest.approx(37.5 / 600, rel=0.2)
    assert rates[-1] < 0.05 * max(rates)


def test_the_rate_depends_on_steps_not_on_passes() -> None:
    few_photos, many_photos = (learn(Course(600, learning_rate=1.0), photos, 64)[0] for photos in (500, 50_000))
    assert max(few_photos) > 0.95
    assert max(many_photos) > 0.95


def test_passes_do_not_depend_on_the_clock() -> None:
    rates, sizes, passes = learn(Course(1, passes=2, learning_rate=1.0), 640)
    assert (passes, sizes) == (2, [32] * 40)
    assert rates[0] == pytest.approx(0.25)  # in the middle of the first of two steps in which it rises
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_a_rest_that_is_no_batch_is_left_out_unless_it_is_all() -> None:
    assert learn(Course(1, passes=1), 128 + 31)[1] == [32] * 4
    assert learn(Course(1, passes=1), 128 + 32)[1] == [32] * 5
    assert learn(Course(1, passes=1), 20)[1] == [20]


def test_the_first_step_is_slow_and_says_nothing_of_the_others() -> None:
    clock = Clock()
    pace = Pace(Course(1000, learning_rate=1.0), 100_000, clock)
    clock.now_s += 60
    pace.add(32)
    for _ in range(60):
        clock.now_s += 1
        pace.add(32)
    # A thousand steps of a second: enough for the full rate, which the cosine lowers a little by now.
    assert pace.learning_rate() > 0.95


def test_a_step_that_would_end_too_late_is_not_begun() -> None:
    # Steps of 4 s.
    assert learn(Course(11), 100_000, a_second=32 / 4)[1] == [32] * 3
    assert learn(Course(9), 100_000, a_second=32 / 4)[1] == [32] * 2


@pytest.mark.parametrize(("answers_s", "left_s"), [(0, 60), (20, 40), (30, 30), (31, 30), (600, 30)])
def test_learning_has_half_of_the_time_at_least(answers_s: float, left_s: float) -> None:
    assert left_for_learning(60, answers_s) == left_s


@pytest.mark.parametrize(
    ("answers_minutes", "end"),
    [
        (8.4, "in about 8 min; learning has about 22 of --minutes 30 then"),
        (15.0, "in about 15 min; learning has about 15 of --minutes 30 then"),
        (40.0, "in about 40 min; learning has about 15 of --minutes 30 then, and both take 55"),
    ],
)
def test_what_the_cache_does_not_know_is_told_with_the_time_it_costs(answers_minutes: float, end: str) -> None:
    words = unknown_views_words(16_000, answers_minutes, 30)
    assert words.startswith("16000 views of the training photos aren't in the cache: ")
    assert words.endswith(end)


def test_without_time_there_is_one_step() -> None:
    rates, sizes, _ = learn(Course(0, learning_rate=1.0), 2000)
    assert (len(rates), sizes) == (1, [32])
    assert 0 < rates[0] < 0.01


def test_a_slow_first_step_does_not_keep_others_from_following() -> None:
    clock = Clock()
    pace = Pace(Course(10), 100_000, clock)
    for steps in range(1, 100):
        clock.now_s += 7 if steps == 1 else 0.5
        pace.add(32)
        if pace.is_over:
            break
    assert steps == 7


def test_a_pass_of_fewer_photos_than_a_batch_begins_with_the_whole_rate() -> None:
    rates, _, _ = learn(Course(1, passes=8, learning_rate=1.0), 5)
    assert rates[1] > 0.9
