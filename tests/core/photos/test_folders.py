"""Which files of a folder count: links, hidden files, litter, names of every kind."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core import runs
from tlx.core.photos import Dataset, label_of, load_dataset, photos_below
from tlx.core.photos.folders import contents_below
from tlx.errors import DataError

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker


@pytest.fixture
def data(tmp_path: Path, make_photos: PhotoMaker) -> Path:
    """Two classes of five photos, split by content."""
    make_photos(tmp_path / "data", {"red": 5, "blue": 5})
    return tmp_path / "data"


def count(dataset: Dataset, label: str) -> int:
    return sum(photo.label == label for photo in dataset.photos)


def test_other_files_are_counted_in_one_line(data: Path) -> None:
    for name in ("red/a.txt", "red/b.TXT", "blue/c.db", "blue/README", "d.txt"):
        (data / name).write_text("no photo")
    dataset = load_dataset(data)
    assert len(dataset.photos) == 10
    assert dataset.problems == ()
    assert dataset.notes[0] == "5 files are not photos (.txt, no suffix, .db)"


def test_hidden_files_and_litter_are_passed_over_in_silence(data: Path) -> None:
    notes = load_dataset(data).notes
    for name in (
        "red/Thumbs.db",
        "red/desktop.ini",
        "red/.DS_Store",
        "red/._0.jpg",
        "red/.hidden/0.jpg",
        "red/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg",
        "__MACOSX/red/0.jpg",
        ".cache/0.jpg",
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("not whole")
    dataset = load_dataset(data)
    assert (len(dataset.photos), dataset.findings, dataset.notes) == (10, (), notes)


def test_suffixes_count_in_upper_case_and_nested_folders_belong_to_their_class(data: Path) -> None:
    (data / "red/0.jpg").rename(data / "red/0.JPG")
    (data / "red/more/and more.jpg").mkdir(parents=True)  # a folder, whatever it is called
    (data / "red/1.jpg").rename(data / "red/more/and more.jpg/1.JPeG")
    assert count(load_dataset(data), "red") == 5


def test_photos_outside_the_class_folders_and_empty_folders_are_told(data: Path, make_photos: PhotoMaker) -> None:
    (data / "green").mkdir()
    make_photos(data / "more", {"red": 2}, seed=5)
    for number in (0, 1):
        (data / f"more/red/{number}.jpg").rename(data / f"{number}.jpg")
    dataset = load_dataset(data)
    assert dataset.labels == ("blue", "red")
    assert dataset.notes[:2] == (
        "no photos in: green, more",
        f"2 photos lie outside the class folders and stay unused, the first: {data}/0.jpg",
    )


def test_a_folder_of_unsorted_photos_says_so(data: Path) -> None:
    with pytest.raises(DataError, match=r"found none; 5 photos lie outside the class folders"):
        load_dataset(data / "red")


def test_links_to_photos_and_folders_are_followed(data: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "elsewhere", {"red": 4, "green": 3}, seed=7)
    (data / "red/linked").symlink_to(tmp_path / "elsewhere/red")
    (data / "green").symlink_to(tmp_path / "elsewhere/green")
    (data / "blue/linked.jpg").symlink_to(tmp_path / "elsewhere/one.jpg")
    (tmp_path / "elsewhere/red/0.jpg").rename(tmp_path / "elsewhere/one.jpg")
    dataset = load_dataset(data)
    assert {label: count(dataset, label) for label in dataset.labels} == {"blue": 6, "green": 3, "red": 8}
    assert dataset.findings == ()
    assert len(list(photos_below(data / "red"))) == 8


def test_links_in_a_circle_come_to_an_end(data: Path, tmp_path: Path) -> None:
    (data / "red/up").symlink_to("..")
    (data / "red/here").symlink_to(".")
    (data / "red/far up").symlink_to(tmp_path)
    (data / "red/itself").symlink_to("itself")
    (data / "loop").symlink_to(".")
    for one, other in (("a", "b"), ("b", "a")):
        (data / "blue" / one).mkdir()
        (data / "blue" / one / "across").symlink_to(f"../{other}")
    dataset = load_dataset(data)
    assert len(dataset.photos) == 10
    assert [finding.path.name for finding in dataset.findings] == ["itself"]


def test_links_that_lead_nowhere_are_listed(data: Path) -> None:
    (data / "red/gone.jpg").symlink_to("/gone/photo.jpg")
    (data / "red/more").symlink_to("/gone")
    (data / "green").symlink_to("/gone/green")
    dataset = load_dataset(data)
    assert len(dataset.photos) == 10
    assert sorted(dataset.problems) == [
        f"{data}/green: is a link to /gone/green, which doesn't exist",
        f"{data}/red/gone.jpg: is a link to /gone/photo.jpg, which doesn't exist",
        f"{data}/red/more: is a link to /gone, which doesn't exist",
    ]
    with pytest.raises(DataError, match=r"3 files can't be read \(--strict\)"):
        load_dataset(data, strict=True)


def test_a_pipe_is_no_photo(data: Path) -> None:
    os.mkfifo(data / "red/pipe.jpg")
    assert load_dataset(data).problems == (f"{data}/red/pipe.jpg: is not a regular file",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_may_not_be_opened_is_listed(data: Path) -> None:
    (data / "red/locked").mkdir()
    (data / "red/locked").chmod(0)
    assert load_dataset(data).problems == (f"{data}/red/locked: the folder can't be opened (Permission denied)",)


@pytest.mark.parametrize("document", ["run.json", "training.json"])
def test_runs_beside_the_photos_are_no_class(data: Path, document: str) -> None:
    """Also those that were stopped while their plots were written, or they couldn't be resumed."""
    run = data / "runs/first"
    run.mkdir(parents=True)
    (data / "red/0.jpg").rename(run / "curves.png")
    for name in (document, "model.keras"):
        (run / name).touch()
    assert load_dataset(data).labels == ("blue", "red")


def test_labels_have_spaces_and_any_script(data: Path) -> None:
    (data / "red").rename(data / "große rote Äpfel 🍎")
    (data / "blue").rename(data / "青い")
    assert load_dataset(data).labels == ("große rote Äpfel 🍎", "青い")


def test_the_two_spellings_of_a_name_are_one_label(tmp_path: Path, make_photos: PhotoMaker) -> None:
    composed, split_up = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != split_up
    make_photos(tmp_path / "train", {"red": 3, "blue": 3}, seed=1)
    make_photos(tmp_path / "validation", {"red": 2, "blue": 2}, seed=2)
    (tmp_path / "train/red").rename(tmp_path / "train" / split_up)
    (tmp_path / "validation/red").rename(tmp_path / "validation" / composed)
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("blue", composed)
    assert dataset.counts["train"] == {"blue": 3, composed: 3}
    (tmp_path / "train" / composed).mkdir()  # both side by side
    (tmp_path / "train" / split_up / "0.jpg").rename(tmp_path / "train" / composed / "0.jpg")
    assert load_dataset(tmp_path).counts == dataset.counts
    assert label_of(split_up) == composed


def rename_to_bytes(path: Path, name: bytes) -> None:
    try:
        os.rename(bytes(path), bytes(path.parent) + b"/" + name)  # noqa: PTH104 - pathlib knows no bytes
    except OSError:
        pytest.skip("this file system only takes names in UTF-8")


def test_file_names_that_are_not_utf8_are_used_and_recorded(data: Path, tmp_path: Path) -> None:
    rename_to_bytes(data / "red/0.jpg", b"caf\xe9.jpg")
    rename_to_bytes(data / "blue/0.jpg", b"broken \xff.jpg")
    (broken,) = (path for path in contents_below(data / "blue").photos if "broken" in path.name)
    broken.write_bytes(b"")
    dataset = load_dataset(data)
    assert count(dataset, "red") == 5
    assert dataset.problems == (f"{data}/blue/broken \\udcff.jpg: is empty",)
    runs.write_photos(tmp_path, dataset)
    assert b"caf\\udce9.jpg" in (tmp_path / "photos.json").read_bytes()


@pytest.mark.parametrize("name", [b"caf\xe9", b"two\nlines"])
def test_a_label_that_is_no_text_is_refused(data: Path, name: bytes) -> None:
    rename_to_bytes(data / "red", name)
    with pytest.raises(DataError, match=r"(caf\\udce9|two\\nlines): the folder's name becomes a label"):
        load_dataset(data)


def test_a_root_that_is_no_text_is_refused_before_training(data: Path) -> None:
    rename_to_bytes(data, b"data \xff")
    with pytest.raises(DataError, match=r"data \\udcff: the path is recorded"):
        load_dataset(Path(os.fsdecode(bytes(data.parent) + b"/data \xff")))
