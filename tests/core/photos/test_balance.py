"""How even the classes are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.core.photos import Dataset, class_weights, load_dataset
from tlx.core.photos.balance import imbalance_line

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker


def test_class_weights_give_each_class_the_same_say(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "train", {"red": 8, "green": 4, "blue": 2}, seed=1)
    make_photos(tmp_path / "validation", {"red": 1, "green": 1, "blue": 5}, seed=2)
    dataset = load_dataset(tmp_path)
    weights = class_weights(dataset)
    assert weights == pytest.approx({0: 14 / 6, 1: 14 / 12, 2: 14 / 24})
    of_photos = np.array([weights[place] for place in dataset.class_indices(dataset.split("train"))])
    assert of_photos.mean() == pytest.approx(1)
    assert of_photos[:2].sum() == pytest.approx(of_photos[2:6].sum())


def test_class_weights_of_even_classes_are_one(colour_photos: Path) -> None:
    assert class_weights(load_dataset(colour_photos)) == {0: 1, 1: 1}


def test_class_weights_need_photos() -> None:
    with pytest.raises(ValueError, match="each class needs a training photo"):
        class_weights(Dataset(Path(), ("cats", "dogs"), ()))


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({}, None),
        ({"cats": 10, "dogs": 10}, None),
        ({"cats": 15, "dogs": 10}, None),
        ({"cats": 0, "dogs": 10}, None),  # refused elsewhere
        (
            {"birds": 20, "cats": 16, "dogs": 10},
            (
                "uneven classes: 2.0 times as many photos of birds (20) as of dogs (10): "
                "--balance gives each class the same weight"
            ),
        ),
    ],
)
def test_imbalance_line(counts: dict[str, int], line: str | None) -> None:
    assert imbalance_line(counts) == line
