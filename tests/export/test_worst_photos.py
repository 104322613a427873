"""The picture of the photos on which a gate failed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tlx.export.worst_photos import SHOWN, WorstPhoto, answer_words, draw, picture_beside, picture_words, write_picture
from tlx.images import read


@pytest.fixture
def photos(colour_photos: Path) -> list[WorstPhoto]:
    paths = sorted((colour_photos / "train").rglob("*.jpg"))
    return [WorstPhoto(path, ("Keras: red 0.9", "ONNX: blue 0.8")) for path in paths]


def test_each_photo_stands_above_its_own_lines(photos: list[WorstPhoto]) -> None:
    red, blue = photos[-1], photos[0]
    sheet_rgb = draw([red, blue])
    middles = [sheet_rgb[100, 115], sheet_rgb[100, 340]]
    assert middles[0][0] > middles[0][2] + 50
    assert middles[1][2] > middles[1][0] + 50
    # Three lines of text below each, nothing between the last one and the edge.
    text = sheet_rgb[206 : 206 + 3 * 22]
    assert [
        bool((text[22 * line : 22 * line + 22, side : side + 220] < 120).any())
        for line in range(3)
        for side in (6, 232)
    ] == [True] * 6
    other = draw([red, WorstPhoto(blue.path, ("Keras: red 0.9", "ONNX: red 0.7"))])
    assert not np.array_equal(sheet_rgb, other)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (5, 2, 4), (SHOWN + 5, 3, 4)])
def test_the_picture_grows_with_its_photos_up_to_a_limit(
    photos: list[WorstPhoto], tmp_path: Path, count: int, rows: int, columns: int
) -> None:
    write_picture(tmp_path / "worst.png", photos[:count])
    height, width, _ = read(tmp_path / "worst.png").shape
    assert (height // 266, width // 220) == (rows, columns)


def test_a_photo_that_is_gone_and_a_name_of_any_length_and_alphabet_do_not_stop_it(
    photos: list[WorstPhoto], tmp_path: Path
) -> None:
    gone = WorstPhoto(tmp_path / f"{'猫 Über ' * 20}.jpg", ("Keras: " + "very " * 40, ""))
    assert draw([gone, photos[0]]).shape == draw(photos[:2]).shape


@pytest.mark.parametrize(
    ("probabilities", "labels", "threshold", "words"),
    [
        ([0.25, 0.75], ["cats", "dogs"], 0.5, "dogs 0.7500"),
        ([0.25, 0.75], ["cats", "dogs"], 0.8, "cats 0.2500"),
        ([0.1, 0.7, 0.2], [], 0.5, "class 1 0.7000"),
        ([math.nan, 0.5], ["cats", "dogs"], 0.5, "not a number"),
        ([math.inf, 0.5], ["cats", "dogs"], 0.5, "not a number"),
    ],
)
def test_answer_words(probabilities: list[float], labels: list[str], threshold: float, words: str) -> None:
    assert answer_words(np.array(probabilities, np.float32), labels, threshold) == words


def test_a_picture_that_can_not_be_written_leaves_the_gates_words_alone(
    photos: list[WorstPhoto], tmp_path: Path
) -> None:
    assert picture_words(None, photos) == ""
    assert picture_words(tmp_path / "worst.png", []) == ""
    assert picture_words(tmp_path / "absent" / "worst.png", photos) == ""
    assert picture_words(tmp_path / "worst.png", photos).endswith("worst.png")
    with pytest.raises(ValueError, match="at least one"):
        draw([])


def test_the_picture_stands_beside_the_model() -> None:
    assert picture_beside(Path("models/cats.v2.onnx")) == Path("models/cats.v2.worst.png")
