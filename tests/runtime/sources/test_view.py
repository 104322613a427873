"""Regions and turns: what the words mean, and which pixels are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ImageError, InputError
from tlx.runtime.frames import Frame, State
from tlx.runtime.sources.view import PLAIN, Box, Region, View, box_of, look, look_at, parse_region

# 2 rows of 3 pixels, told apart by their first channel.
NUMBERED = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0,120,640,360", Region(0, 120, 640, 360)),
        (" 1, 2 ,3,4", Region(1, 2, 3, 4)),
        ("10%,10%,80%,80%", Region(10, 10, 80, 80, in_percent=True)),
        ("0%,0%,100%,33.3%", Region(0, 0, 100, 33.3, in_percent=True)),
        ("5.0,0,1,1", Region(5, 0, 1, 1)),
    ],
)
def test_regions_are_pixels_or_percents(text: str, region: Region) -> None:
    assert parse_region(text) == region
    assert parse_region(str(region)) == region


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a region is X,Y,WIDTH,HEIGHT in pixels"),
        ("1,2,3", "a region is X,Y,WIDTH,HEIGHT in pixels"),
        ("1,2,3,4,5", "a region is X,Y,WIDTH,HEIGHT in pixels"),
        ("-1,0,5,5", "or all in percent as in 10%,10%,80%,80%, received '-1,0,5,5'"),
        ("a,0,5,5", "received 'a,0,5,5'"),
        ("1e3,0,5,5", "received '1e3,0,5,5'"),
        ("nan,0,5,5", "received 'nan,0,5,5'"),
        ("٣,0,5,5", "received '٣,0,5,5'"),
        ("10%,0,5,5", "a region is all in pixels or all in percent, received '10%,0,5,5'"),
        ("0.5,0,5,5", "a region in pixels has whole numbers, received '0.5,0,5,5'"),
        ("0,0,0,5", "a region has a width and a height above 0, received '0,0,0,5'"),
        ("50%,0%,51%,5%", "a region in percent ends at 100% of the picture at most, received '50%,0%,51%,5%'"),
    ],
)
def test_other_words_are_refused_in_one_exact_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_region(text)
    assert message in str(caught.value)


def test_other_turns_are_refused() -> None:
    with pytest.raises(InputError, match="turned by 0, 90, 180 or 270 degrees clockwise, received 45"):
        View(rotate=45)


@pytest.mark.parametrize(
    ("view", "seen"),
    [
        (View(rotate=90), [[3, 0], [4, 1], [5, 2]]),
        (View(rotate=180), [[5, 4, 3], [2, 1, 0]]),
        (View(rotate=270), [[2, 5], [1, 4], [0, 3]]),
        (View(roi=Region(1, 0, 2, 1)), [[1, 2]]),
        # The region is one of the turned picture.
        (View(rotate=90, roi=Region(0, 1, 1, 2)), [[4], [5]]),
        (View(roi=Region(34, 50, 66, 50, in_percent=True)), [[4, 5]]),
    ],
)
def test_the_picture_is_turned_first_and_cut_then(view: View, seen: list[list[int]]) -> None:
    assert look(view, NUMBERED)[..., 0].tolist() == seen


def test_without_a_view_nothing_is_touched() -> None:
    assert look(PLAIN, NUMBERED) is NUMBERED


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        (Region(2, 0, 2, 1), "the region 2,0,2,1 is partly outside of the picture of 3 x 2 pixels"),
        (Region(0, 1, 1, 2), "the region 0,1,1,2 is partly outside of the picture of 3 x 2 pixels"),
        (Region(3, 0, 1, 1), "the region 3,0,1,1 is outside of the picture of 3 x 2 pixels"),
        (Region(0, 999_999_999, 1, 1), "is outside of the picture of 3 x 2 pixels"),
    ],
)
def test_a_region_beyond_the_picture_is_an_error_of_that_picture(region: Region, problem: str) -> None:
    with pytest.raises(ImageError) as caught:
        look(View(roi=region), NUMBERED)
    assert problem in caught.value.reason


def test_a_frame_is_looked_at_or_tells_why_it_cannot_be() -> None:
    frame = Frame("camera 0", NUMBERED, None, 7, 1.5, state=State.LIVE)
    assert look_at(PLAIN, frame) is frame
    seen = look_at(View(roi=Region(0, 0, 1, 1)), frame)
    assert seen.image_rgb is not None
    assert (seen.image_rgb.shape, seen.index, seen.state) == ((1, 1, 3), 7, State.LIVE)
    outside = look_at(View(roi=Region(0, 0, 9, 9)), frame)
    assert outside.image_rgb is None
    assert outside.error is not None
    assert outside.error.startswith("the region 0,0,9,9 is partly outside of the picture of 3 x 2 pixels")
    assert look_at(View(90), outside) is outside


def test_the_turned_pictures_size_counts() -> None:
    assert look(View(rotate=90, roi=Region(0, 0, 2, 3)), NUMBERED).shape == (3, 2, 3)
    with pytest.raises(ImageError, match="picture of 2 x 3 pixels"):
        look(View(rotate=90, roi=Region(0, 0, 3, 2)), NUMBERED)


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.floats(0, 99.9, allow_subnormal=False),
    st.floats(0.001, 100, allow_subnormal=False),
)
def test_a_region_in_percent_always_has_pixels_and_none_outside(
    height: int, width: int, start: float, length: float
) -> None:
    length = min(length, 100 - start)
    box = box_of(Region(start, start, length, length, in_percent=True), (height, width))
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height


@given(st.integers(200, 3000), st.integers(1, 99))
def test_regions_in_percent_that_touch_share_no_pixel_and_leave_none_out(side: int, cut: int) -> None:
    first = box_of(Region(0, 0, cut, 100, in_percent=True), (side, side))
    second = box_of(Region(cut, 0, 100 - cut, 100, in_percent=True), (side, side))
    assert first == Box(0, 0, second.left, side)
    assert second.right == side
