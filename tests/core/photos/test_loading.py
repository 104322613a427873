"""Folders of labelled photos."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core.photos import Dataset, Photo, load_dataset
from tlx.errors import DataError

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker


def splits(dataset: Dataset) -> Counter[tuple[str, str]]:
    return Counter((photo.split, photo.label) for photo in dataset.photos)


def test_explicit_splits_are_taken_as_they_are(colour_photos: Path) -> None:
    dataset = load_dataset(colour_photos)
    assert dataset.labels == ("blue", "red")
    assert splits(dataset) == {
        ("train", "blue"): 12,
        ("train", "red"): 12,
        ("validation", "blue"): 6,
        ("validation", "red"): 6,
    }
    assert dataset.class_indices(dataset.split("train")) == [0] * 12 + [1] * 12


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_the_usual_names_of_a_validation_folder_are_known(colour_photos: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(colour_photos / "train", tmp_path / "train")
    shutil.copytree(colour_photos / "validation", tmp_path / name)
    assert splits(load_dataset(tmp_path)) == splits(load_dataset(colour_photos))


def test_one_folder_of_classes_is_split_by_content(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 40, "green": 40, "blue": 3})
    dataset = load_dataset(tmp_path)
    counts = splits(dataset)
    assert sum(counts.values()) == 83
    for label, count in (("red", 40), ("green", 40)):
        assert 2 <= counts["validation", label] <= 16
        assert counts["train", label] + counts["validation", label] == count
    assert 1 <= counts["validation", "blue"] <= 2


def test_a_split_by_content_stays_when_photos_are_added_or_renamed(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 30, "blue": 30}, seed=1)
    before = {photo.sha256: photo.split for photo in load_dataset(tmp_path).photos}
    for number, path in enumerate(sorted((tmp_path / "red").iterdir())):
        path.rename(path.with_name(f"new name {number} ä.jpeg"))
    make_photos(tmp_path / "red", {"green": 5}, seed=2)  # nested folders count, too
    after = {photo.sha256: photo.split for photo in load_dataset(tmp_path).photos}
    assert len(after) == 65
    assert {sha256: after[sha256] for sha256 in before} == before


def test_the_seed_chooses_the_split(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 30, "blue": 30})
    chosen = [{photo.sha256 for photo in load_dataset(tmp_path, seed=seed).split("validation")} for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def test_a_recorded_split_wins_over_the_seed_and_stays_when_photos_are_added(
    tmp_path: Path, make_photos: PhotoMaker
) -> None:
    make_photos(tmp_path, {"red": 6, "blue": 6}, seed=1)
    recorded = {photo.sha256: photo.split for photo in load_dataset(tmp_path, seed=3).photos}
    assert {photo.sha256: photo.split for photo in load_dataset(tmp_path, seed=4).photos} != recorded
    make_photos(tmp_path / "red", {"green": 20}, seed=2)
    after = {photo.sha256: photo.split for photo in load_dataset(tmp_path, seed=4, recorded=recorded).photos}
    assert {sha256: after[sha256] for sha256 in recorded} == recorded
    assert len(after) == 32


def test_a_split_by_folders_wins_over_a_recorded_one(colour_photos: Path) -> None:
    given = load_dataset(colour_photos)
    turned = dict.fromkeys((photo.sha256 for photo in given.photos), "train")
    assert load_dataset(colour_photos, recorded=turned) == given  # type: ignore[arg-type]


def test_test_photos_are_kept_apart_from_a_split_by_content(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "train", {"red": 9, "blue": 9}, seed=1)
    make_photos(tmp_path / "test", {"red": 2, "blue": 2}, seed=2)
    dataset = load_dataset(tmp_path, seed=7)
    assert dataset.counts["test"] == {"blue": 2, "red": 2}
    assert sum(dataset.counts["train"].values()) + sum(dataset.counts["validation"].values()) == 18
    assert dataset.notes == ("about a fifth of each class is kept for validation, chosen by content and seed 7",)


def test_the_fingerprint_is_of_contents_and_not_of_names(tmp_path: Path, colour_photos: Path) -> None:
    shutil.copytree(colour_photos, tmp_path / "copy")
    (tmp_path / "copy/train/red/0.jpg").rename(tmp_path / "copy/train/red/other.jpg")
    assert load_dataset(tmp_path / "copy").sha256 == load_dataset(colour_photos).sha256
    (tmp_path / "copy/train/red/other.jpg").unlink()
    assert load_dataset(tmp_path / "copy").sha256 != load_dataset(colour_photos).sha256


def test_hidden_files_and_other_files_are_not_photos(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 5, "blue": 5})
    (tmp_path / "red" / "notes.txt").write_text("not a photo")
    (tmp_path / "red" / ".thumb.jpg").write_text("hidden")
    (tmp_path / ".trash").mkdir()
    dataset = load_dataset(tmp_path)
    assert len(dataset.photos) == 10
    assert dataset.problems == ()


def spoil(folder: Path, count: int) -> None:
    for path in sorted(folder.glob("*.jpg"))[:count]:
        path.write_bytes(path.read_bytes()[:300])


def test_three_corrupt_photos_among_many_are_listed_and_left_out(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 50, "blue": 50})
    spoil(tmp_path / "red", 3)
    dataset = load_dataset(tmp_path)
    assert len(dataset.photos) == 97
    assert len(dataset.problems) == 3
    assert all(line.startswith(str(tmp_path / "red")) for line in dataset.problems)


def test_strict_refuses_a_corrupt_photo(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 5, "blue": 5})
    spoil(tmp_path / "red", 1)
    with pytest.raises(DataError, match=r"1 file can't be read \(--strict\): .*/red/0\.jpg: is truncated or damaged$"):
        load_dataset(tmp_path, strict=True)


def test_strict_names_the_first_of_many_and_counts_the_rest(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 5, "blue": 5})
    spoil(tmp_path / "blue", 1)
    spoil(tmp_path / "red", 4)
    with pytest.raises(DataError, match=r"5 files can't be read .*blue/0.*red/0.*red/1\.jpg: .*; … and 2 more$"):
        load_dataset(tmp_path, strict=True)


def test_strict_takes_sound_photos_that_are_tiny_or_there_twice(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 5, "blue": 5})
    save_plain(tmp_path / "red/tiny.png", (31, 200))
    shutil.copy(tmp_path / "red/0.jpg", tmp_path / "red/copy.jpg")
    kinds = [finding.kind for finding in load_dataset(tmp_path, strict=True).findings]
    assert kinds == ["duplicate", "tiny"]


def save_plain(path: Path, size_wh: tuple[int, int]) -> None:
    from PIL import Image

    Image.new("RGB", size_wh, (90, 20, 20)).save(path)


def test_tiny_photos_are_listed_and_kept(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 5, "blue": 5})
    save_plain(tmp_path / "red/a.png", (200, 31))
    save_plain(tmp_path / "red/b.png", (200, 32))
    shutil.copy(tmp_path / "red/a.png", tmp_path / "red/c.png")
    dataset = load_dataset(tmp_path)
    assert {"a.png", "b.png"} < {photo.path.name for photo in dataset.photos}
    assert [(finding.kind, finding.path.name) for finding in dataset.findings] == [
        ("duplicate", "c.png"),
        ("tiny", "a.png"),
    ]
    assert dataset.findings[1].reason == "has only 200 x 31 pixels, kept"
    assert len(dataset.problems) == 1  # what was left out


def test_all_photos_corrupt_is_one_error(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 5, "blue": 5})
    spoil(tmp_path / "red", 5)
    spoil(tmp_path / "blue", 5)
    with pytest.raises(DataError, match="none of its 10 photos can be read"):
        load_dataset(tmp_path)


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load_dataset(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file, not a folder"):
        load_dataset(tmp_path / "file")


@pytest.mark.parametrize("counts", [{}, {"red": 4}])
def test_fewer_than_two_classes_are_refused(tmp_path: Path, counts: dict[str, int], make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, counts)
    with pytest.raises(DataError, match="at least 2 folders of photos"):
        load_dataset(tmp_path)


def test_a_class_without_validation_photos_is_refused(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "train", {"red": 4, "blue": 4}, seed=1)
    make_photos(tmp_path / "validation", {"red": 4}, seed=2)
    with pytest.raises(DataError, match="class 'blue' has no usable photo for validation"):
        load_dataset(tmp_path)


def test_the_same_photo_in_two_splits_is_refused(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "train", {"red": 4, "blue": 4}, seed=1)
    make_photos(tmp_path / "validation", {"red": 4, "blue": 4}, seed=2)
    shutil.copy(tmp_path / "train/red/0.jpg", tmp_path / "validation/red/copy.jpg")
    expected = r"the same photo is in two splits \(train/red/0\.jpg and validation/red/copy\.jpg\): remove"
    with pytest.raises(DataError, match=expected):
        load_dataset(tmp_path)
    shutil.copy(tmp_path / "train/red/1.jpg", tmp_path / "validation/red/other.jpg")
    with pytest.raises(DataError, match=r"copy\.jpg; and 1 more like this\)"):
        load_dataset(tmp_path)


def test_the_same_photo_under_two_labels_is_refused(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 4, "blue": 4})
    shutil.copy(tmp_path / "red/0.jpg", tmp_path / "blue/copy.jpg")
    with pytest.raises(DataError, match=r"the same photo has two labels .*copy\.jpg"):
        load_dataset(tmp_path)


def test_a_second_copy_of_a_photo_is_used_once_and_listed(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 4, "blue": 4})
    shutil.copy(tmp_path / "red/0.jpg", tmp_path / "red/copy.jpg")
    dataset = load_dataset(tmp_path)
    assert len(dataset.photos) == 8
    assert "used once" in dataset.problems[0]


def test_photos_keep_a_stable_order(colour_photos: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    def key(photo: Photo) -> tuple[str, str, Path]:
        return (photo.split, photo.label, photo.path)

    make_photos(tmp_path, {"red": 9, "blue": 9})
    for folder in (colour_photos, tmp_path):
        photos = load_dataset(folder).photos
        assert list(photos) == sorted(photos, key=key)
