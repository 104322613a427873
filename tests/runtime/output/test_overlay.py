"""What is drawn over pictures, looked at in the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.output.pictures import make_result, plain

from tlx.runtime.decisions.decision import UNKNOWN
from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.items import Result
from tlx.runtime.output.overlay import SMALLEST_SIDE, Caption, Painter, caption_of, text_size
from tlx.runtime.sources.view import Region, View

GREEN = (70, 200, 90)
RED = (190, 40, 40)


@pytest.mark.parametrize(
    ("item", "caption"),
    [
        (make_result(plain(9)), Caption("cat", 0.9)),
        (make_result(plain(9), label=UNKNOWN), Caption(UNKNOWN, 0.9)),
        (make_result(plain(9), state=State.FROZEN), Caption(banner="frozen")),
        (make_result(None), Caption(banner="this picture can't be decoded", severe=True)),
        (
            StateChange("camera 0", State.STALLED, "no picture for 3 s\n", 0.0),
            Caption(banner="stalled: no picture for 3 s\\n", severe=True),
        ),
        (StateChange("camera 0", State.BLANK, None, 0.0), Caption(banner="blank")),
        (StateChange("camera 0", State.LIVE, None, 0.0), Caption()),
    ],
)
def test_the_words_for_an_item(item: Result | StateChange, caption: Caption) -> None:
    assert caption_of(item) == caption


@pytest.mark.parametrize("probability", [0.25, 0.5, 1.0])
def test_the_bar_is_as_long_as_the_label_is_probable(probability: float) -> None:
    painted = Painter().paint(plain(100, (300, 400)), Caption("cat", probability))
    lowest = painted[-1]
    assert (lowest == GREEN).all(axis=1).sum() == pytest.approx(400 * probability, abs=2)
    assert (lowest == GREEN).all(axis=1)[: int(400 * probability) - 2].all()


def test_unknown_has_no_green() -> None:
    painted = Painter().paint(plain(100, (300, 400)), Caption(UNKNOWN, 0.7))
    assert not (painted == GREEN).all(axis=2).any()


def test_a_banner_lies_above_and_nothing_else_is_touched() -> None:
    painted = Painter().paint(plain(100, (300, 400)), Caption(banner="stalled", severe=True))
    assert (painted[0] == RED).all()
    assert (painted[text_size(300) * 2 :] == 100).all()


def test_without_words_the_picture_stays_as_it_is_and_is_a_copy() -> None:
    picture = plain(100, (300, 400))
    painted = Painter().paint(picture, Caption())
    assert (painted == picture).all()
    painted[:] = 0
    assert (picture == 100).all()


@pytest.mark.parametrize("label", ["Käse", "Кот", "Γάτα", "猫", "ねこ", "고양이"])
def test_labels_of_other_scripts_are_drawn_each_as_itself(label: str) -> None:
    """A font without these letters would draw the same box for each of them."""

    def ink(text: str) -> np.ndarray:
        return Painter().paint(plain(0, (300, 400)), Caption(text, 0.0))

    assert (ink(label) != ink("?" * len(label))).any()
    assert (ink(label) != ink("\U0010fffd" * len(label))).any()


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 3000), (3000, 1), (32, 32), (37, 53), (150, 150), (1080, 1920)])
@pytest.mark.parametrize("label", ["cat", "a label of a great many words " * 20, ""])
def test_any_size_takes_any_label(size_hw: tuple[int, int], label: str) -> None:
    painted = Painter().paint(plain(50, size_hw), Caption(label, 0.5, "a banner of many words " * 20))
    assert painted.dtype == np.uint8
    if max(size_hw) < 1000:
        assert min(painted.shape[:2]) >= SMALLEST_SIDE
    assert painted.shape[1] * size_hw[0] == painted.shape[0] * size_hw[1]  # undistorted


def test_letters_grow_with_the_picture() -> None:
    assert [text_size(side) for side in (100, 480, 1080, 5000)] == [14, 30, 64, 64]


def test_the_picture_is_turned_and_the_region_framed() -> None:
    picture = plain(0, (200, 400))
    picture[0, 0] = 255
    painted = Painter(View(90, Region(50, 100, 100, 200))).paint(picture, Caption())
    assert painted.shape == (400, 200, 3)
    assert (painted[0, -1] == 255).all()
    framed = (painted == (255, 220, 0)).all(axis=2)
    assert framed[100, 50:150].all()
    assert framed[100:300, 149].all()
    assert not framed[110:290, 60:140].any()


def test_a_region_outside_of_the_picture_is_left_to_its_result() -> None:
    painted = Painter(View(roi=Region(0, 0, 500, 500))).paint(plain(7, (200, 400)), Caption())
    assert (painted == 7).all()
