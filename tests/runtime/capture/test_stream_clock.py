"""How old a stream's picture is, told from its own time."""

from __future__ import annotations

from itertools import count

import pytest

from tlx.runtime.capture.stream_clock import StreamClock

Step = tuple[float, float, bool]


def ages_s(*steps: Step) -> list[float]:
    """How old each picture is when it's read: those of (clock, stream's time, waited)."""
    clock = StreamClock()
    return [now_s - clock.step(now_s, stream_s, waited=waited) for now_s, stream_s, waited in steps]


def steady(seconds: float, *, speed: float = 1.0, rate_hz: float = 25.0, waited: bool = True) -> list[Step]:
    """Pictures in time; the stream's clock runs at another speed."""
    return [(100 + n / rate_hz, 5 + n / rate_hz * speed, waited) for n in range(round(seconds * rate_hz))]


@pytest.mark.parametrize(
    ("steps", "expected_s"),
    [
        pytest.param([(100, 5, True)], [0], id="the first"),
        pytest.param([(100, 5, True), (101, 6, True), (102, 7, True)], [0, 0, 0], id="in time"),
        pytest.param(
            [(100, 5, True), (102, 6, True), (102.1, 7, False), (102.2, 7.2, True)], [0, 1, 0.1, 0], id="stop"
        ),
        pytest.param([(100, 5, True), (100.5, 6, True), (101.5, 7, True)], [0, 0, 0], id="the first had waited"),
        pytest.param([(100, 0, True), (101, 0, True), (104, 0, True)], [0, 0, 0], id="no time"),
        pytest.param([(100, 5, True), (102, 6, True), (102.1, 1, False), (103.1, 2, True)], [0, 1, 0, 0], id="back"),
        pytest.param([(100, 5, True), (101, 900, True), (102, 901, True), (104, 902, True)], [0, 0, 0, 1], id="ahead"),
        pytest.param([(100, 5, False), (100.1, 6, False), (100.2, 7, False)], [0, 0, 0], id="a file through a pipe"),
    ],
)
def test_age_is_how_long_a_picture_waited(steps: list[Step], expected_s: list[float]) -> None:
    assert ages_s(*steps) == pytest.approx(expected_s, abs=2e-3)


@pytest.mark.parametrize("speed", [1.0001, 0.9999, 0.98, 1.5, 0.6])
def test_a_clock_of_another_speed_makes_no_picture_old(speed: float) -> None:
    assert max(ages_s(*steady(600, speed=speed))) < 0.5
    assert max(ages_s(*steady(600, speed=0.9999))) < 1e-3


def test_a_little_drift_is_forgiven_without_waiting() -> None:
    """Pictures that come in bunches: most of them needn't be waited for."""
    assert max(ages_s(*steady(3600, speed=0.9995, rate_hz=10, waited=False))) < 1e-3


def test_who_cannot_keep_up_gets_older_and_older_pictures() -> None:
    ages = ages_s(*steady(20, speed=0.5, waited=False))
    assert ages == sorted(ages)
    assert ages[-1] > 9.5


def test_standing_still_again_and_again_is_no_excuse() -> None:
    """Half a second of each second stopped, and too slow in the other one."""
    numbers = count()
    steps = [(100 + second + n * 0.05, 5 + next(numbers) * 0.04, n == 0) for second in range(20) for n in range(10)]
    assert ages_s(*steps)[-1] > 10


def test_no_picture_is_captured_in_the_future() -> None:
    clock = StreamClock()
    for now_s, stream_s, waited in [*steady(3), (103.0, 9.0, True), (103.1, 9.0, False), (103.2, 8.0, True)]:
        assert clock.step(now_s, stream_s, waited=waited) <= now_s + 1e-9
