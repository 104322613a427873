"""Which folders are splits and which are classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core.photos import load_dataset
from tlx.core.photos.layout import Child, judge_layout
from tlx.errors import DataError

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

ROOT = Path("data")


def flat(*names: str) -> list[Child]:
    """Folders with photos directly in them."""
    return [Child(name, has_photos=True, folders=()) for name in names]


def nested(name: str, *folders: str, has_photos: bool = False) -> Child:
    return Child(name, has_photos=has_photos, folders=folders)


@pytest.mark.parametrize(
    ("children", "parts"),
    [
        (flat("cats", "dogs"), {}),
        ([nested("train", "cats", "dogs")], {"train": "train"}),
        ([nested("Training", "cats"), nested("VAL", "cats")], {"Training": "train", "VAL": "validation"}),
        # An empty folder is none: the photos are split by content.
        ([nested("train", "cats", "dogs"), nested("validation")], {"train": "train"}),
        # A stray photo beside the class folders changes nothing.
        ([nested("train", "cats", "dogs", has_photos=True)], {"train": "train"}),
        ([nested("train", "cats", "dogs", has_photos=True), nested("val", "cats"), *flat("old")], None),
        # Photos without labels to try a model on.
        ([nested("train", "cats", "dogs"), *flat("test")], {"train": "train"}),
        ([nested("train", "cats", "dogs"), *flat("unsorted")], {"train": "train"}),
        # Vehicles.
        (flat("bus", "car", "train"), {}),
        ([*flat("bus", "car"), nested("train", "steam", has_photos=True)], {}),
        ([*flat("bus", "car"), nested("train", "steam")], {}),
        # Classes of a laboratory.
        (flat("control", "test"), {}),
        ([*flat("control"), nested("test", "monday", "tuesday")], {}),
    ],
)
def test_judge_layout_tells_splits_from_classes(children: list[Child], parts: dict[str, str] | None) -> None:
    found = judge_layout(ROOT, children).parts
    assert found == ({"train": "train", "val": "validation"} if parts is None else parts)


@pytest.mark.parametrize(
    ("children", "message"),
    [
        (
            [nested("train", "cats"), nested("training", "cats")],
            "two folders stand for the same split (train, training)",
        ),
        (flat("train", "test"), "train/ holds photos, but no folder of photos for each class: sort them"),
        ([nested("val", "cats"), nested("test", "cats")], "expected a folder train/ beside val, test, found none"),
        ([nested("train", "cats", "dogs"), *flat("val")], "val/ holds photos, but no folder of photos for each class"),
        ([*flat("cats", "dogs"), nested("test", "cats", "dogs")], "the class 'cats' lies beside test/ and in it"),
        ([*flat("bus"), nested("train", "a", "b", has_photos=True)], "may be a split or a class beside bus/"),
    ],
)
def test_judge_layout_refuses_what_it_would_have_to_guess(children: list[Child], message: str) -> None:
    with pytest.raises(DataError) as caught:
        judge_layout(ROOT, children)
    assert str(caught.value).startswith("data: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("children", "note"),
    [
        ([nested("train", "cats", "dogs"), *flat("test", "raw")], "ignored beside train: raw, test"),
        (flat("bus", "train"), "taken for classes, as bus beside them is one: train"),
        (
            [nested("train", "cats", "dogs"), *flat(*"abcdefg")],
            "ignored beside train: a, b, c, d, e and 2 more",
        ),
    ],
)
def test_judge_layout_tells_what_may_have_been_meant_otherwise(children: list[Child], note: str) -> None:
    assert judge_layout(ROOT, children).notes == (note,)


def test_vehicles_are_trained_on_as_three_classes(tmp_path: Path, make_photos: PhotoMaker) -> None:
    for seed, name in enumerate(("bus", "car", "train")):
        make_photos(tmp_path, {"red": 4}, seed=seed)
        (tmp_path / "red").rename(tmp_path / name)
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("bus", "car", "train")
    assert "taken for classes, as bus beside them is one: train" in dataset.notes


def test_a_class_called_train_fits_below_train(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "train", {"red": 4, "blue": 4})
    (tmp_path / "train/red").rename(tmp_path / "train/train")
    (tmp_path / "train/blue").rename(tmp_path / "train/test")
    assert load_dataset(tmp_path).labels == ("test", "train")


def test_test_photos_without_train_are_no_class(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 4, "blue": 4})
    make_photos(tmp_path / "test", {"red": 4, "blue": 4}, seed=1)
    with pytest.raises(DataError, match=r"the class 'blue' lies beside test/ and in it: move"):
        load_dataset(tmp_path)
