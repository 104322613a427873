"""The demo's tiles: real photographs, real JPEG files, no pixel in two splits."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tlx import images
from tlx.demo.photographs import LABELS, ROWS_OF_SPLIT, TILE_PIXELS, cut_tiles, read_photographs, write_tiles
from tlx.errors import InputError, MissingDependencyError


def test_photographs_are_three_pictures_of_512_pixels() -> None:
    photographs = read_photographs()
    assert tuple(photographs) == LABELS
    assert {picture.shape for picture in photographs.values()} == {(512, 512, 3)}
    assert min(np.std(picture) for picture in photographs.values()) > 10


def test_scikit_image_is_found_without_being_imported() -> None:
    code = (
        "import sys; from tlx.demo.photographs import read_photographs; read_photographs(); "
        "sys.exit('skimage' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_scikit_image_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tlx-edge\[demo\]'"):
        read_photographs()


def test_tiles_cover_every_pixel_exactly_once() -> None:
    # Every pixel of this picture has a value of its own, so a pixel in two tiles would show.
    rows, columns = np.indices((512, 512))
    numbered = np.stack([rows % 256, columns % 256, rows // 256 * 2 + columns // 256], axis=-1).astype(np.uint8)
    tiles = list(cut_tiles({"numbered": numbered}))
    pixels = Counter(tuple(pixel) for tile in tiles for pixel in tile.image_rgb.reshape(-1, 3).tolist())
    assert len(pixels) == 512 * 512
    assert set(pixels.values()) == {1}


def test_splits_have_strips_of_their_own() -> None:
    strips = [set(range(rows.start, rows.stop)) for rows in ROWS_OF_SPLIT.values()]
    assert sum(map(len, strips)) == len(set.union(*strips)) == 512
    assert all(len(strip) % TILE_PIXELS == 0 for strip in strips)


def test_write_tiles_makes_a_folder_that_training_takes(tmp_path: Path) -> None:
    files = write_tiles(read_photographs(), tmp_path)
    assert {split: len(paths) for split, paths in files.items()} == {"train": 96, "validation": 48, "test": 48}
    for split, paths in files.items():
        assert Counter(path.parent for path in paths) == {
            tmp_path / split / label: len(paths) // len(LABELS) for label in LABELS
        }
    assert len({path.read_bytes() for paths in files.values() for path in paths}) == 192
    assert images.read(files["test"][0]).shape == (TILE_PIXELS, TILE_PIXELS, 3)


def test_write_tiles_twice_gives_the_same_files(tmp_path: Path) -> None:
    photographs = read_photographs()
    first = {path: path.read_bytes() for paths in write_tiles(photographs, tmp_path).values() for path in paths}
    again = {path: path.read_bytes() for paths in write_tiles(photographs, tmp_path).values() for path in paths}
    assert again == first


def test_write_tiles_refuses_a_folder_with_other_photos(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "holiday.jpg").touch()
    with pytest.raises(InputError, match="holiday"):
        write_tiles(read_photographs(), tmp_path)
    assert [path.name for path in tmp_path.rglob("*.jpg")] == ["holiday.jpg"]
