"""The way to the fastest network within a drop, from an original of 60 ms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from tlx.core.compress.search import Visit, Wanted, find_fastest, next_limit_ms
from tlx.errors import GateError, InputError

KEPT_10, KEPT_6 = Visit(10.0, 9.0, is_kept=True), Visit(6.0, 6.0, is_kept=True)
LOSSY_10, LOSSY_4, LOSSY_50 = Visit(10.0, 9.0), Visit(4.0, 4.0), Visit(50.0, 48.0)
NONE_10, NONE_4, NONE_50 = Visit(10.0), Visit(4.0), Visit(50.0)


@pytest.mark.parametrize(
    ("visits", "bound_ms", "expected"),
    [
        # Where it begins.
        ([], None, 10.0),
        ([], 20.0, 20.0),
        # As long as the drop is kept, faster; the measured time counts.
        ([KEPT_10], None, 6.0),
        ([KEPT_10], 10.0, 6.0),
        ([KEPT_10, KEPT_6], 10.0, 4.0),
        # Between the last one that keeps it and the first that doesn't.
        ([KEPT_10, KEPT_6, LOSSY_4], None, 24**0.5),
        ([KEPT_10, KEPT_6, NONE_4], 10.0, 24**0.5),
        ([KEPT_10, LOSSY_4, KEPT_6], None, 24**0.5),
        ([KEPT_10, KEPT_6, LOSSY_4, Visit(4.9, 4.8, is_kept=True)], None, 19.2**0.5),
        ([KEPT_10, KEPT_6, Visit(5.6, 5.5)], None, None),
        # The slowest that was asked for loses too much, or isn't there.
        ([LOSSY_10], 10.0, None),
        ([NONE_10], 10.0, None),
        # Nothing was asked for: slower.
        ([LOSSY_10], None, 13.5),
        ([NONE_10], None, 15.0),
        ([NONE_10, LOSSY_10, Visit(13.5, 13.0, is_kept=True)], None, 130**0.5),
        # Not as slow as the original.
        ([LOSSY_50], None, None),
        ([NONE_50], None, None),
    ],
)
def test_each_time_follows_from_those_before(
    visits: list[Visit], bound_ms: float | None, expected: float | None
) -> None:
    assert next_limit_ms(visits, 60.0, bound_ms) == (expected if expected is None else pytest.approx(expected))


@dataclass(frozen=True)
class Taught:
    """What learned for so long on a made-up way from time to loss."""

    latency_ms: float
    seconds: float

    @property
    def drop_points(self) -> float:
        return 12 / self.latency_ms - self.seconds / 100


class Teacher:
    """Nothing is faster than 2 ms; turns the clock."""

    def __init__(self) -> None:
        self.taught: list[Taught] = []
        self.now_s = 1000.0

    def teach(self, limit_ms: float, seconds: float) -> Taught:
        if limit_ms < 2:
            raise InputError("too fast")
        self.now_s += seconds
        self.taught.append(Taught(limit_ms, seconds))
        return self.taught[-1]

    def learn_on(self, taught: Taught, seconds: float) -> Taught:
        self.now_s += seconds
        self.taught.append(replace(taught, seconds=taught.seconds + seconds))
        return self.taught[-1]


def find(max_drop: float, bound_ms: float | None = None) -> tuple[Taught, list[float], float]:
    """The network, the times that were tried, and the seconds that were used."""
    teacher = Teacher()
    wanted = Wanted(max_drop, bound_ms, 60.0, 400.0)
    found, *slower = find_fastest(wanted, teacher.teach, teacher.learn_on, lambda: teacher.now_s)
    assert max(taught.drop_points for taught in (found, *slower)) <= max_drop
    times_ms = [taught.latency_ms for taught in (found, *slower)]
    assert times_ms == sorted(set(times_ms)), "each network once, the fastest one first"
    tried = [taught.latency_ms for taught in teacher.taught]
    return found, tried, sum({taught.latency_ms: taught.seconds for taught in teacher.taught}.values())


def test_between_one_that_keeps_the_drop_and_one_that_does_not_it_goes_on() -> None:
    found, tried, seconds = find(1.0)
    assert tried == pytest.approx([10, 10 / 1.5, (10 / 1.5) / 1.5, ((10 / 1.5) ** 2 / 1.5) ** 0.5])
    assert found.latency_ms == pytest.approx(10 / 1.5)
    assert seconds == 400


def test_the_fastest_that_keeps_the_drop_is_taken_wherever_it_was_found() -> None:
    for max_drop in (1.0, 1.25, 1.4, 1.6):
        found, tried, _ = find(max_drop)
        assert found.latency_ms == min(time_ms for time_ms in tried if 12 / time_ms - 1 <= max_drop)


def test_all_that_keep_the_drop_are_given() -> None:
    teacher = Teacher()
    found = find_fastest(Wanted(1.6, None, 60.0, 400.0), teacher.teach, teacher.learn_on, lambda: teacher.now_s)
    assert [taught.latency_ms for taught in found] == sorted(
        taught.latency_ms for taught in teacher.taught if taught.drop_points <= 1.6
    )
    assert len(found) > 1


def test_the_fastest_learns_on_and_slower_ones_stand_behind_it() -> None:
    teacher = Teacher()
    found = find_fastest(Wanted(6.0, 3.2, 60.0, 400.0), teacher.teach, teacher.learn_on, lambda: teacher.now_s)
    assert [taught.seconds for taught in found] == [200, 100, 100]
    assert [taught.latency_ms for taught in found] == sorted({taught.latency_ms for taught in teacher.taught})


def test_one_that_may_not_be_slower_learns_on_before_it_is_given_up() -> None:
    found, tried, seconds = find(0.5, bound_ms=3.0)
    assert (found.seconds, tried, seconds) == (400, [3.0, 3.0], 400)


def test_what_no_other_network_needs_goes_to_the_one_that_is_kept() -> None:
    found, tried, seconds = find(6.0, bound_ms=2.1)
    assert (found.seconds, tried, seconds) == (400, [2.1, 2.1], 400)


def test_time_that_a_network_takes_beyond_its_share_is_taken_from_the_others() -> None:
    teacher = Teacher()
    shares = []

    def teach(limit_ms: float, seconds: float) -> Taught:
        shares.append(seconds)
        return teacher.teach(limit_ms, 160.0 if len(shares) == 1 else seconds)

    find_fastest(Wanted(1.0, None, 60.0, 400.0), teach, teacher.learn_on, lambda: teacher.now_s)
    assert shares == [100, 80, 80, 80]


def test_no_other_network_is_begun_once_the_time_is_over() -> None:
    teacher = Teacher()
    (found,) = find_fastest(
        Wanted(1.0, None, 60.0, 400.0), lambda ms, _: teacher.teach(ms, 500.0), teacher.learn_on, lambda: teacher.now_s
    )
    assert [taught.latency_ms for taught in teacher.taught] == [found.latency_ms] == [10]


def test_answers_are_taken_from_the_time_up_to_half_of_it() -> None:
    def shares(answers_s: float) -> list[float]:
        teacher, given = Teacher(), []

        def teach(limit_ms: float, seconds: float) -> Taught:
            given.append(seconds)
            return teacher.teach(limit_ms, seconds)

        wanted = Wanted(1.0, None, 60.0, 400.0, answers_s)
        find_fastest(wanted, teach, teacher.learn_on, lambda: teacher.now_s)
        return given

    assert shares(0)[0] == 100
    assert shares(80)[0] == 80
    assert shares(1000)[0] == 50


def test_one_that_learned_on_and_got_worse_is_not_taken() -> None:
    teacher = Teacher()

    def unlearn(taught: Taught, seconds: float) -> Taught:
        del seconds
        return replace(taught, seconds=-100)

    (found,) = find_fastest(Wanted(6.0, 2.1, 60.0, 400.0), teacher.teach, unlearn, lambda: teacher.now_s)
    assert found.seconds == 100


def test_what_loses_too_much_after_all_seconds_is_an_error() -> None:
    with pytest.raises(
        GateError,
        match=r"of 2\.00 ms loses 2\.00 points .*, allowed are 1: ask for less speed, allow more, .* --minutes 6\.67$",
    ):
        find(1.0, bound_ms=2.0)


def test_where_nothing_is_so_fast_it_is_said() -> None:
    with pytest.raises(InputError, match="too fast"):
        find(1.0, bound_ms=1.0)
