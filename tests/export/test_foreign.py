"""What the command line says of a Keras file: labels, sizes, options; one line for each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tlx.errors import InputError
from tlx.export.foreign import KerasRequest, foreign_model, missing_options, picture_size
from tlx.export.labels import read_labels

FILE = Path("model.keras")


@pytest.mark.parametrize(
    ("given", "labels"),
    [("cats,dogs", ["cats", "dogs"]), (" a b , c ", ["a b", "c"]), ("cafe\u0301,the\u0301", ["café", "thé"])],
)
def test_read_labels_between_commas(given: str, labels: list[str]) -> None:
    assert read_labels(given) == labels


@pytest.mark.parametrize("content", ["a, b\nc d\n", "\ufeffa, b\r\nc d\r\n\r\n", "a, b\nc d"])
def test_read_labels_from_a_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content.encode())
    assert read_labels(str(tmp_path / "labels.txt")) == ["a, b", "c d"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("cats", "expected at least 2 labels"),
        ("", "label 1 is empty"),
        ("cats,,dogs", "label 2 is empty"),
        ("cats,dogs,", "label 3 is empty"),
        ("cats,cats", "the label 'cats' comes twice"),
        ("cats,do\x07gs", "control characters"),
        ("absent.txt", "absent.txt: can't be read"),
    ],
)
def test_read_labels_refuses(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labels(given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n\nb\n", "label 2 is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "expected at least 2"),
        (b"a\n" * 2**20, "more"),
    ],
)
def test_read_labels_refuses_files(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_labels(str(tmp_path / "labels.txt"))


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ([None, 150, 150, 3], None, (150, 150)),
        ([None, 96, 128, 3], None, (96, 128)),
        ([None, 150, 150, 3], 150, (150, 150)),
        ([None, None, None, 3], 224, (224, 224)),
        ([None, None, 64, 3], 32, (32, 64)),
        (None, 96, (96, 96)),
        ([16, 8, 8, 3], None, (8, 8)),
    ],
)
def test_picture_size(shape: Any, size: int | None, expected: tuple[int, int]) -> None:
    assert picture_size(shape, size, FILE) == expected


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ([None, None, None, 3], None, "takes pictures of any size: say which it gets, such as --size 224"),
        (None, None, "say which it gets"),
        ([None, 150, 150, 3], 224, "takes pictures of 150 x 150 pixels: leave out --size 224"),
        ([None, 28, 28, 1], None, r"takes \[28, 28, 1\] \(grayscale\)"),
        ([None, 3, 32, 32], None, r"takes \[3, 32, 32\] \(channels first\?\)"),
        ([None, 784], None, r"takes \[784\], expected pictures"),
        ([None, 100_000, 100_000, 3], None, "takes pictures of 100000 x 100000 pixels, expected 1 to 4096"),
        ([None, -1, 8, 3], None, "expected 1 to 4096"),
        ([None, True, 8, 3], None, "expected 1 to 4096"),
        ([None, "a", 8, 3], None, "expected 1 to 4096"),
    ],
)
def test_picture_size_refuses(shape: Any, size: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        picture_size(shape, size, FILE)


def test_missing_options_names_each_with_what_it_may_be() -> None:
    assert missing_options(KerasRequest(FILE)) == [
        "--labels cats,dogs|FILE.txt",
        "--preprocess imagenet|rescale|signed|none",
        "--resize nearest|bilinear|area",
        "--photos DIR",
    ]
    whole = KerasRequest(FILE, "a,b", "none", "area", Path("photos"))
    assert missing_options(whole) == []
    with pytest.raises(InputError, match="--keras needs --resize nearest"):
        foreign_model(KerasRequest(FILE, "a,b", "none", None, Path("photos")), ["a", "b"], {})
