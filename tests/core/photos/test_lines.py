"""What is told of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tlx.core.photos import Dataset, Photo, Problem, data_lines, load_dataset

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker


def test_a_sound_folder_takes_three_lines(colour_photos: Path) -> None:
    assert data_lines(load_dataset(colour_photos)) == [
        "train: 12 blue, 12 red",
        "validation: 6 blue, 6 red",
        "36 photos of 2 classes, all readable",
    ]


def test_everything_found_has_its_line(tmp_path: Path, make_photos: PhotoMaker) -> None:
    from PIL import Image

    make_photos(tmp_path / "train", {"red": 8, "blue": 4}, seed=1)
    make_photos(tmp_path / "validation", {"red": 2, "blue": 2}, seed=2)
    (tmp_path / "train/red/0.jpg").write_bytes(b"")
    (tmp_path / "train/red/9.jpg").write_bytes((tmp_path / "train/red/1.jpg").read_bytes())
    (tmp_path / "train/red/notes.txt").touch()
    Image.new("RGB", (40, 31)).save(tmp_path / "train/blue/tiny.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "train/blue/not tiny.png")
    assert data_lines(load_dataset(tmp_path)) == [
        f"left out: {tmp_path}/train/red/0.jpg: is empty",
        f"left out: {tmp_path}/train/red/9.jpg: the same photo as {tmp_path}/train/red/1.jpg, used once",
        f"tiny: {tmp_path}/train/blue/tiny.png: has only 40 x 31 pixels, kept",
        "1 file is not a photo (.txt)",
        "train: 6 blue, 7 red",
        "validation: 2 blue, 2 red",
        "17 photos of 2 classes: 1 unreadable, 1 there twice, 1 tiny but kept",
    ]


def test_long_lists_are_shortened() -> None:
    labels = tuple(f"class{number:02}" for number in range(12))
    photos = tuple(Photo(Path(label), label, label, "train") for label in labels)
    broken = tuple(Problem("unreadable", Path(f"{number}.jpg"), "is empty") for number in range(47))
    tiny = tuple(Problem("tiny", Path(f"{number}.jpg"), "is tiny") for number in range(3))
    lines = data_lines(Dataset(Path(), labels, photos, broken + tiny), limit=10, all_in="problems.txt")
    assert lines[9:12] == ["left out: 9.jpg: is empty", "… and 37 more (all in problems.txt)", "tiny: 0.jpg: is tiny"]
    assert lines[14].endswith("1 class09, … and 2 more classes")
    assert lines[15:] == ["12 photos of 12 classes: 47 unreadable, 3 tiny but kept"]


def test_uneven_classes_are_told(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "train", {"red": 8, "blue": 4}, seed=1)
    make_photos(tmp_path / "validation", {"red": 2, "blue": 2}, seed=2)
    (line,) = (line for line in data_lines(load_dataset(tmp_path)) if line.startswith("uneven"))
    assert "2.0 times as many photos of red (8) as of blue (4): --balance" in line
