"""Which photos are evaluated on."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tlx.core.evaluation.labelled import LabelledPhotos, photos_in_folder, photos_of_run
from tlx.core.runs import open_run
from tlx.errors import DataError

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

    from tlx.core.photos import Split
    from tlx.core.runs import Run

LABELS = ("blue", "green", "red")


def counts(found: LabelledPhotos) -> dict[str, int]:
    return dict(Counter(photo.label for photo in found.photos))


def test_a_folder_of_classes_is_taken_whole(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 2, "blue": 1})  # fewer classes than the model has
    make_photos(tmp_path / "red", {"green": 1})  # a nested folder belongs to its class
    (tmp_path / "red" / ".hidden.jpg").touch()
    (tmp_path / "red" / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    found = photos_in_folder(tmp_path, LABELS)
    assert (found.root, found.split) == (tmp_path, None)
    assert counts(found) == {"blue": 1, "red": 3}


@pytest.mark.parametrize(("split", "expected"), [(None, 2), ("validation", 2), ("train", 3), ("test", 1)])
def test_parts_are_chosen_by_split(tmp_path: Path, make_photos: PhotoMaker, split: str | None, expected: int) -> None:
    for folder, count in (("train", 3), ("val", 2), ("test", 1)):
        make_photos(tmp_path / folder, {"red": count})
    found = photos_in_folder(tmp_path, LABELS, cast("Split | None", split))
    assert counts(found) == {"red": expected}
    assert found.split == (split or "validation")


def test_a_class_may_be_called_like_a_part(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 1})
    (tmp_path / "photos" / "red").rename(tmp_path / "photos" / "test")
    assert counts(photos_in_folder(tmp_path / "photos", ("test", "rest"))) == {"test": 1}


@pytest.mark.parametrize(
    ("folders", "split", "message"),
    [
        (None, None, "no such folder"),
        ([], None, "expected one folder of photos for each class (blue, green, red), found none that holds photos"),
        (["red", "pink", "black"], None, "these photos are also of black, pink: rename or move away those folders"),
        (["red"], "test", "has no folder test: leave out --split"),
        (["test/red"], None, "has no folder for validation, only test: name one of them with --split"),
        (["val/red", "validation/red"], None, "two folders stand for validation (val and validation)"),
        (["validation/pink"], None, "these photos are also of pink"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(
    tmp_path: Path, folders: list[str] | None, split: str | None, message: str
) -> None:
    root = tmp_path / "photos"
    for folder in folders or []:
        (root / folder).mkdir(parents=True)
        (root / folder / "0.jpg").touch()
    if folders == []:
        root.mkdir()
    with pytest.raises(DataError) as caught:
        photos_in_folder(root, LABELS, cast("Split | None", split))
    assert str(root) in str(caught.value)
    assert message in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(DataError, match="is a file, not a folder"):
        photos_in_folder(tmp_path / "photo.jpg", LABELS)


def test_many_unknown_classes_are_not_all_named(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"class{number:02}").mkdir()
        (tmp_path / f"class{number:02}" / "0.jpg").touch()
    with pytest.raises(DataError, match="class09 and 2 more: rename"):
        photos_in_folder(tmp_path, LABELS)


def test_a_run_has_photos_of_its_own(tiny_run: Run) -> None:
    found = photos_of_run(tiny_run)
    assert (found.split, counts(found)) == ("validation", {"blue": 6, "red": 6})
    assert counts(photos_of_run(tiny_run, "train")) == {"blue": 12, "red": 12}
    with pytest.raises(DataError, match="the run has no test photos: name a folder of labelled photos"):
        photos_of_run(tiny_run, "test")


def test_a_run_whose_photos_are_gone_asks_for_others(tiny_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    document = json.loads((tmp_path / "run" / "run.json").read_bytes())
    document["data"]["root"] = "/gone"
    (tmp_path / "run" / "run.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="none of the run's 12 validation photos is still at /gone"):
        photos_of_run(open_run(tmp_path / "run"))
