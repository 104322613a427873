"""What is decided about a live source, apart from processes and pictures' memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tlx.opencv import cv2
from tlx.runtime.capture.backoff import count_failures, wait_s
from tlx.runtime.capture.checks import Sameness, is_same, judge_picture, single_colour
from tlx.runtime.capture.messages import Order, Picture
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.capture.video_reader import describe_difference, judge_driver_time
from tlx.runtime.capture.watchdog import Phase, SilenceClock, Verdict, judge_silence
from tlx.runtime.frames import State

SETTINGS = CaptureSettings(open_timeout_s=8, read_timeout_s=4, stalled_after_s=2, start_timeout_s=30)


@pytest.mark.parametrize(
    ("failures", "jitter", "expected_s"),
    [(0, 1, 0.5), (0, 0, 0.25), (1, 1, 1), (3, 1, 4), (6, 1, 32), (7, 1, 60), (7, 0, 30), (10_000_000, 0.5, 45)],
)
def test_wait_doubles_up_to_a_minute(failures: int, jitter: float, expected_s: float) -> None:
    assert wait_s(failures, jitter=jitter, settings=CaptureSettings()) == expected_s


@pytest.mark.parametrize(
    ("before", "lived_s", "waited_s", "expected"),
    [
        (-1, 0, 0, 0),  # the first time, without a picture
        (0, 0, 0.5, 1),
        (5, 0, 16, 6),
        (5, 3, 16, 6),  # it lived, but not for as long as it had been waited for
        (5, 17, 16, 0),
        (-1, 0.1, 0, 0),
    ],
)
def test_count_failures(before: int, lived_s: float, waited_s: float, expected: int) -> None:
    assert count_failures(before, lived_s=lived_s, waited_s=waited_s) == expected


@pytest.mark.parametrize(
    ("silent_s", "phase", "expected"),
    [
        (20, Phase.STARTING, Verdict.PATIENT),
        (30, Phase.STARTING, Verdict.HUNG),
        (10.4, Phase.OPENING, Verdict.PATIENT),  # its own limit of 8 s has the first word
        (10.5, Phase.OPENING, Verdict.HUNG),
        (1.9, Phase.READING, Verdict.PATIENT),
        (2, Phase.READING, Verdict.STALLED),
        (5.4, Phase.READING, Verdict.STALLED),
        (5.5, Phase.READING, Verdict.HUNG),
    ],
)
def test_judge_silence(silent_s: float, phase: Phase, expected: Verdict) -> None:
    assert judge_silence(silent_s, phase, SETTINGS) is expected


def test_silence_clock_blames_nobody_for_the_listeners_own_sleep() -> None:
    clock = SilenceClock(100.0)
    assert clock.step(100.1, heard=False) == pytest.approx(0.1)
    assert clock.step(8000.0, heard=False) < 1  # Ctrl-Z, two hours, fg
    assert clock.step(8000.1, heard=True) == 0
    assert clock.step(8000.3, heard=False) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("driver_s", "expected_s"),
    [(99.95, 99.95), (100.0, 100.0), (0.0, 100.0), (100.5, 100.0), (50.0, 100.0), (1.8e9, 100.0)],
)
def test_judge_driver_time_believes_only_the_monotonic_clock(driver_s: float, expected_s: float) -> None:
    assert judge_driver_time(driver_s, 100.0) == expected_s


@pytest.mark.parametrize(
    ("got_wh", "got_hz", "expected"),
    [
        ((1280, 720), 30.0, None),
        ((1280, 720), 29.97, None),
        ((1280, 720), 0.0, None),  # it doesn't say
        ((640, 480), 30.0, "the camera gives 640x480 instead of 1280x720"),
        ((640, 480), 10.0, "the camera gives 640x480 instead of 1280x720 and 10 pictures a second instead of 30"),
    ],
)
def test_describe_difference(got_wh: tuple[int, int], got_hz: float, expected: str | None) -> None:
    order = Order("camera", "/dev/video0", (1280, 720), 30.0, 10, 10)
    assert describe_difference(order, got_wh, got_hz) == expected


def noisy(
    colour_rgb: tuple[int, int, int], deviation: float, size_hw: tuple[int, int] = (480, 640)
) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, deviation, (*size_hw, 3))
    return np.asarray(np.clip(np.array(colour_rgb) + noise, 0, 255).round(), np.uint8)


def ramp(low: int, high: int) -> npt.NDArray[np.uint8]:
    row = np.linspace(low, high, 640).round().astype(np.uint8)
    return np.asarray(np.broadcast_to(row[None, :, None], (480, 640, 3)).copy(), np.uint8)


def with_spot() -> npt.NDArray[np.uint8]:
    image = noisy((4, 4, 4), 1)
    image[200:280, 300:380] = 40  # a dim lamp in the night
    return image


@pytest.mark.parametrize(
    ("image_rgb", "expected"),
    [
        pytest.param(noisy((0, 0, 0), 0), (0, 0, 0), id="black"),
        pytest.param(noisy((0, 135, 0), 0), (0, 135, 0), id="green"),
        pytest.param(noisy((16, 16, 16), 4), (16, 16, 16), id="covered lens with noise"),
        pytest.param(noisy((120, 120, 120), 3), (120, 120, 120), id="gray with noise"),
        pytest.param(noisy((9, 9, 9), 0, (1, 1)), (9, 9, 9), id="one pixel"),
        pytest.param(noisy((120, 120, 120), 30), None, id="texture without shapes"),
        pytest.param(ramp(100, 112), None, id="wall with a shadow"),
        pytest.param(with_spot(), None, id="lamp in the night"),
    ],
)
def test_single_colour(image_rgb: npt.NDArray[np.uint8], expected: tuple[int, int, int] | None) -> None:
    assert single_colour(image_rgb) == expected


def test_single_colour_survives_jpeg() -> None:
    content = cv2.imencode(".jpg", noisy((10, 10, 10), 2), [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
    assert single_colour(np.asarray(decoded, np.uint8)) is not None


def test_sameness_counts_from_the_first_of_equal_pictures() -> None:
    one, other = noisy((90, 90, 90), 20), noisy((91, 90, 90), 20)
    sameness = Sameness()
    assert sameness.step(one, None, 10.0) == 0
    assert sameness.step(one.copy(), one, 11.0) == 1
    assert sameness.step(one.copy(), one, 12.5) == 2.5
    assert sameness.step(other, one, 13.0) == 0
    assert sameness.step(other, other, 13.5) == 0.5


@pytest.mark.parametrize("place", [(0, 0, 0), (7, 3, 1), (479, 639, 2)])
def test_is_same_sees_one_pixel(place: tuple[int, int, int]) -> None:
    one = noisy((90, 90, 90), 20)
    other = one.copy()
    assert is_same(one, other)
    other[place] ^= 1
    assert not is_same(one, other)
    assert not is_same(one, one[:-1])


@pytest.mark.parametrize(
    ("same_for_s", "colour_rgb", "state", "reason"),
    [
        (0.0, None, State.LIVE, None),
        (4.9, None, State.LIVE, None),
        (5.0, None, State.FROZEN, "exactly the same picture for 5.0 s"),
        (0.0, (3, 2, 3), State.BLANK, "the picture is black"),
        (9.0, (0, 135, 0), State.BLANK, "the picture is of a single colour, rgb(0, 135, 0)"),
    ],
)
def test_judge_picture(
    same_for_s: float, colour_rgb: tuple[int, int, int] | None, state: State, reason: str | None
) -> None:
    picture = Picture(1, (480, 640), 10.0, same_for_s, colour_rgb)
    assert judge_picture(picture, CaptureSettings()) == (state, reason)
