"""``--save-uncertain``: which pictures are kept, as what, and that the folder stays within its limit."""

from __future__ import annotations

import re
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.output.pictures import blocks, make_result, noisy, photo, plain

from tlx import images
from tlx.errors import OutputError
from tlx.runtime.decisions.decision import UNKNOWN
from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.items import Result
from tlx.runtime.output.uncertain import (
    LIVE_EVERY_S,
    VIDEO_EVERY_PICTURES,
    UncertainOptions,
    UncertainSink,
    is_uncertain,
    looks_same,
    name_of,
    thumbnail_of,
)

UNSURE = 0.55


def kept_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("result", "threshold", "worth_it"),
    [
        (make_result(plain(1), cat=0.95), 0.0, False),
        (make_result(plain(1), cat=0.55), 0.0, True),  # a small margin
        (make_result(plain(1), cat=0.7), 0.0, False),
        (make_result(plain(1), cat=0.7), 0.8, True),  # below the threshold
        (make_result(plain(1), cat=0.8), 0.8, False),
        (make_result(plain(1), cat=0.95, label="cat"), 0.8, False),
        (make_result(plain(1), cat=0.95, label="dog"), 0.8, True),  # against what is said
        (make_result(plain(1), cat=0.75, label=UNKNOWN), 0.8, True),
        (make_result(plain(1), cat=0.95, label=UNKNOWN), 0.8, False),  # still held, but sure
        (make_result(plain(1), state=State.FROZEN), 0.8, False),
        (make_result(None), 0.8, False),
    ],
)
def test_which_pictures_are_worth_labelling(result: Result, threshold: float, worth_it: bool) -> None:
    assert is_uncertain(result, threshold) == worth_it


def test_a_name_tells_time_source_label_and_probability() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    result = make_result(plain(1), "rtsp://gate_1:554/../x", cat=UNSURE)
    assert name_of(result, now, 1.5) == "20260102T030404178Z_gate-1-554-..-x_cat_0550.jpg"
    assert name_of(photo(plain(1), "/a/b\n" + "é" * 99, cat=0.4), now, 0.0) == (
        "20260102T030405678Z_b-" + "é" * 29 + "_dog_0600.jpg"
    )


def test_the_whole_picture_is_kept_nearly_as_it_was(tmp_path: Path) -> None:
    picture = blocks(1, (240, 320))
    sink = UncertainSink(tmp_path / "new" / "kept")
    assert sink.wants_pictures
    sink.write(photo(picture, "photos/cat.jpg", cat=UNSURE))
    sink.write(photo(picture, "photos/sure.jpg", cat=0.99))
    sink.write(StateChange("camera 0", State.LOST, None, 0.0))
    sink.close()
    (name,) = kept_in(tmp_path / "new" / "kept")
    assert re.fullmatch(r"\d{8}T\d{9}Z_cat_cat_0550\.jpg", name)
    kept_rgb = images.read(tmp_path / "new" / "kept" / name)
    assert kept_rgb.shape == picture.shape
    assert np.abs(kept_rgb.astype(int) - picture).mean() < 3
    assert sink.kept == 1


def test_the_time_is_that_of_the_capture(tmp_path: Path) -> None:
    sink = UncertainSink(tmp_path)
    sink.write(make_result(noisy(0), at_s=time.monotonic() - 3600, cat=UNSURE))
    (name,) = kept_in(tmp_path)
    taken = datetime.strptime(name[:15] + "+0000", "%Y%m%dT%H%M%S%z")
    assert 3595 < (datetime.now(UTC) - taken).total_seconds() < 3660


def test_photos_are_all_kept_also_of_one_name_at_one_time(tmp_path: Path) -> None:
    sink = UncertainSink(tmp_path)
    for _ in range(3):
        sink.write(photo(plain(50), "cat.jpg", cat=UNSURE))
    assert len(kept_in(tmp_path)) == 3


def test_of_a_live_source_one_in_a_while_is_kept(tmp_path: Path) -> None:
    sink = UncertainSink(tmp_path)
    for tenth in range(151):
        for source in ("camera 0", "camera 1"):
            sink.write(make_result(blocks(tenth), source, at_s=tenth / 10, cat=UNSURE))
    assert sink.kept == 2 * (1 + int(15 / LIVE_EVERY_S))


def test_of_a_video_one_of_many_is_kept_however_fast_it_is_read(tmp_path: Path) -> None:
    sink = UncertainSink(tmp_path)
    for index in range(2 * VIDEO_EVERY_PICTURES + 1):
        sink.write(make_result(blocks(index), "clip.mp4", index=index, state=None, cat=UNSURE))
    assert sink.kept == 3


def test_nearly_the_same_picture_is_not_kept_again(tmp_path: Path) -> None:
    sink = UncertainSink(tmp_path)
    scene = blocks(1)
    for number in range(10):
        trembling = np.clip(scene.astype(int) + np.random.default_rng(number).integers(-3, 4, scene.shape), 0, 255)
        sink.write(make_result(trembling.astype(np.uint8), at_s=number * 60.0, cat=UNSURE))
    assert sink.kept == 1
    sink.write(make_result(blocks(2), at_s=6000.0, cat=UNSURE))
    assert sink.kept == 2


def test_what_looks_the_same() -> None:
    scene = thumbnail_of(blocks(1))
    assert looks_same(scene, thumbnail_of(blocks(1, (480, 640))))
    assert not looks_same(scene, thumbnail_of(blocks(2)))


def test_the_oldest_go_first_also_those_of_earlier_runs_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "20200101T000000000Z_old_cat_0500.jpg").write_bytes(bytes(5000))
    (tmp_path / "19990101T000000000Z_oldest_cat_0500-2.jpg").write_bytes(bytes(5000))
    (tmp_path / "notes.jpg").write_bytes(bytes(50_000))
    (tmp_path / "20200101T000000000Z_link_cat_0500.jpg").symlink_to(tmp_path / "notes.jpg")
    size = 12_000  # a noisy picture takes about 9 kB
    sink = UncertainSink(tmp_path, UncertainOptions(limit_bytes=size + 5000))
    sink.write(photo(noisy(0), "first.jpg", cat=UNSURE))
    for number in range(20):
        sink.write(photo(noisy(number), f"photo {number}.jpg", cat=UNSURE))
        ours = [path for path in tmp_path.iterdir() if path.name.startswith("2") and not path.is_symlink()]
        assert sum(path.stat().st_size for path in ours) <= size + 5000
    names = kept_in(tmp_path)
    assert "20200101T000000000Z_old_cat_0500.jpg" not in names
    assert "notes.jpg" in names
    assert "20200101T000000000Z_link_cat_0500.jpg" in names
    assert any("photo-19" in name for name in names)
    assert sink.failed == 0


def test_a_picture_that_somebody_took_away_is_no_trouble(tmp_path: Path) -> None:
    sink = UncertainSink(tmp_path, UncertainOptions(limit_bytes=12_000))
    for number in range(3):
        sink.write(photo(noisy(number), f"{number}.jpg", cat=UNSURE))
        for path in tmp_path.iterdir():
            path.unlink()
    assert (sink.kept, sink.failed) == (3, 0)


def test_a_full_disk_is_told_once_and_counted(tmp_path: Path) -> None:
    """A limit of file sizes stands for the disk: the kernel refuses the same write."""
    warnings: list[str] = []
    sink = UncertainSink(tmp_path, UncertainOptions(warn=warnings.append))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        for number in range(3):
            sink.write(photo(noisy(number), "cat.jpg", cat=UNSURE))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (sink.kept, sink.failed, kept_in(tmp_path)) == (0, 3, [])
    assert len(warnings) == 1
    assert warnings[0].startswith("an uncertain picture isn't kept: ")
    sink.write(photo(noisy(9), "cat.jpg", cat=UNSURE))
    assert (sink.kept, sink.failed) == (1, 3)


def test_a_picture_larger_than_all_that_is_allowed_removes_nothing(tmp_path: Path) -> None:
    old = tmp_path / "20200101T000000000Z_old_cat_0500.jpg"
    old.write_bytes(bytes(50))
    sink = UncertainSink(tmp_path, UncertainOptions(limit_bytes=100))
    sink.write(photo(noisy(0), "cat.jpg", cat=UNSURE))
    assert kept_in(tmp_path) == [old.name]
    assert sink.failed == 1


def test_a_folder_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        UncertainSink(tmp_path / "file" / "kept")
