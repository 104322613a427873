from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tlx import images
from tlx.errors import InputError
from tlx.export.precision.calibration_photos import CalibrationPhotos, choose_calibration_photos


def listed(**counts: int) -> list[Path]:
    return [Path(folder) / f"{number}.jpg" for folder, count in counts.items() for number in range(count)]


@pytest.mark.parametrize(
    ("counts", "limit", "drawn"),
    [
        ({"cats": 100, "dogs": 100}, 50, {"cats": 25, "dogs": 25}),
        ({"cats": 1000, "dogs": 5}, 50, {"cats": 45, "dogs": 5}),  # what the small folder lacks, the other gives
        ({"cats": 3, "dogs": 2}, 50, {"cats": 3, "dogs": 2}),
        ({"a": 10, "b": 10, "c": 10}, 7, {"a": 3, "b": 2, "c": 2}),
    ],
)
def test_photos_are_drawn_evenly_from_the_folders(counts: dict[str, int], limit: int, drawn: dict[str, int]) -> None:
    chosen = choose_calibration_photos(listed(**counts), limit)
    assert Counter(photo.parent.name for photo in chosen) == drawn
    assert len(set(chosen)) == len(chosen)


def test_the_draw_depends_on_the_files_alone() -> None:
    photos = listed(cats=100, dogs=100)
    chosen = choose_calibration_photos(photos, 20)
    assert choose_calibration_photos(photos[::-1], 20) == chosen
    assert choose_calibration_photos([*photos, *photos], 20) == chosen
    numbers = [int(photo.stem) for photo in chosen]
    assert max(numbers) > 50  # not the first of each folder
    assert [photo.parent.name for photo in chosen[:4]] == ["cats", "dogs", "cats", "dogs"]


def test_photos_come_in_batches_by_the_one_decoder_and_resize(photo_files: list[Path]) -> None:
    photos = CalibrationPhotos(photo_files[:5], (20, 24), "bilinear", "colours")
    batches = list(photos.batches(2))
    assert [batch.shape for batch in batches] == [(2, 20, 24, 3), (2, 20, 24, 3), (1, 20, 24, 3)]
    expected = np.stack([images.load(file, (20, 24), "bilinear") for file in photo_files[:5]])
    np.testing.assert_array_equal(np.concatenate(batches), expected)
    np.testing.assert_array_equal(np.concatenate(list(photos.batches(5))), expected)
    assert photos.skipped == {}


def test_unreadable_photos_are_skipped_and_counted(photo_files: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photo_files[0].read_bytes()[:200])
    photos = CalibrationPhotos([broken, *photo_files[:3], tmp_path / "gone.jpg"], (32, 32), "area", "colours")
    assert [len(batch) for batch in photos.batches(2)] == [2, 1]
    assert photos.skipped.keys() == {broken, tmp_path / "gone.jpg"}
    assert photos.skipped[tmp_path / "gone.jpg"] == "does not exist"
    list(photos.batches(2))
    assert len(photos.skipped) == 2


def test_not_one_readable_photo_is_an_error(tmp_path: Path) -> None:
    photos = CalibrationPhotos([tmp_path / "gone.jpg"], (32, 32), "area", "colours")
    with pytest.raises(InputError, match=r"none of the 1 photos .* \(gone.jpg: does not exist\)"):
        list(photos.batches(4))
    with pytest.raises(InputError, match=r"name a folder of them with --calibrate"):
        list(CalibrationPhotos([], (32, 32), "area", "colours").batches(4))
