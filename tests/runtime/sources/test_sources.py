from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.errors import SourceError
from tlx.runtime.frames import Frame, Source
from tlx.runtime.sources.photo_bytes import read_photo
from tlx.runtime.sources.photos import PhotoSource
from tlx.runtime.sources.videos import VideoSource, judge_end
from tlx.runtime.sources.words import natural_key, open_sources, photos_in

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def photos_of(*paths: Path) -> PhotoSource:
    return PhotoSource(tuple(map(str, paths)))


def read_all(*sources: Source) -> list[Frame]:
    return [frame for source in sources for frame in source.frames()]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10.jpg", "9.jpg", "1.jpg"], ["1.jpg", "9.jpg", "10.jpg"]),
        (["img12b", "img2", "IMG3"], ["img2", "IMG3", "img12b"]),
        (["a", "1", "_", "10", "2"], ["1", "2", "10", "_", "a"]),
        (["x01", "x1", "x001"], ["x001", "x01", "x1"]),
        (["b2", "a10", "a2"], ["a2", "a10", "b2"]),
        (["ä", "z", "\udcff"], ["z", "ä", "\udcff"]),
    ],
)
def test_natural_key(names: list[str], expected: list[str]) -> None:
    assert sorted(names, key=natural_key) == expected


def test_photos_in_finds_photos_at_any_depth_and_nothing_hidden(tmp_path: Path, write_photo: PhotoWriter) -> None:
    kept = ["2.jpg", "10.JPG", "sub/b.png", "sub/deep/c.webp"]
    for name in [*kept, ".hidden.jpg", ".cache/d.jpg", "sub/.e.jpg"]:
        write_photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "folder.jpg").mkdir()
    assert [str(path.relative_to(tmp_path)) for path in photos_in(tmp_path)] == kept


def test_open_sources_makes_one_source_of_neighbouring_photos(
    tmp_path: Path, write_photo: PhotoWriter, write_video: VideoWriter
) -> None:
    first, second = write_photo(tmp_path / "a.jpg"), write_photo(tmp_path / "folder" / "b.png")
    video = write_video(tmp_path / "v.avi", [RED])
    sources = open_sources([str(first), str(tmp_path / "folder"), str(video), str(first)], stride=2)
    assert sources == [photos_of(first, second), VideoSource(video, 2), photos_of(first)]


def test_open_sources_expands_quoted_patterns_in_natural_order(tmp_path: Path, write_photo: PhotoWriter) -> None:
    for name in ("p10.jpg", "p2.jpg", "sub/p3.jpg", "other.png"):
        write_photo(tmp_path / name)
    assert open_sources([f"{tmp_path}/p*.jpg"]) == [photos_of(tmp_path / "p2.jpg", tmp_path / "p10.jpg")]
    everywhere = open_sources([f"{tmp_path}/**/p*.jpg"])
    assert everywhere == [photos_of(tmp_path / "p2.jpg", tmp_path / "p10.jpg", tmp_path / "sub/p3.jpg")]


def test_open_sources_takes_a_file_with_a_pattern_or_number_for_its_name(
    tmp_path: Path, write_photo: PhotoWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "x[1].jpg")
    write_photo(tmp_path / "photo.jpg").rename("7")
    assert open_sources(["x[1].jpg", "7"]) == [PhotoSource(("x[1].jpg", "7"))]


def test_open_sources_knows_photos_by_their_content_where_the_suffix_says_nothing(
    tmp_path: Path, write_photo: PhotoWriter, write_video: VideoWriter
) -> None:
    photo = write_photo(tmp_path / "p.png").rename(tmp_path / "upload1")
    video = write_video(tmp_path / "v.avi", [RED]).rename(tmp_path / "upload2")
    sources = open_sources([str(photo), str(video)])
    assert sources == [photos_of(photo), VideoSource(video)]
    assert all(frame.error is None for frame in read_all(*sources))


def test_open_sources_follows_a_link_to_a_folder(tmp_path: Path, write_photo: PhotoWriter) -> None:
    write_photo(tmp_path / "real" / "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_sources([str(tmp_path / "link")]) == [photos_of(tmp_path / "link" / "a.jpg")]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("absent.jpg", "no such file"),
        ("", "no such file"),
        ("a\0b", "no such file"),
        ("absent*.jpg", "nothing matches this pattern"),
        ("empty", r"no photos in this folder or its subfolders \(.*\.jpg"),
        ("pipe", "neither a file nor a folder"),
        ("broken-link.jpg", "no such file"),
        ("12345678", "no such file"),
    ],
)
def test_open_sources_refuses_words_that_mean_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").write_text("no photo")
    (tmp_path / "broken-link.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match=reason):
        open_sources([word])


def test_photos_come_in_order_with_their_colours(tmp_path: Path, write_photo: PhotoWriter) -> None:
    paths = [write_photo(tmp_path / f"{n}.png", (n, 0, 255 - n)) for n in range(25)]
    frames = read_all(photos_of(*paths))
    assert [frame.source for frame in frames] == [str(path) for path in paths]
    for number, frame in enumerate(frames):
        assert frame.image_rgb is not None
        assert frame.image_rgb[0, 0].tolist() == [number, 0, 255 - number]
        assert frame.decode_ms is not None
        assert frame.index is None


def test_bad_photos_are_frames_with_errors_between_the_good_ones(tmp_path: Path, write_photo: PhotoWriter) -> None:
    good = write_photo(tmp_path / "good.jpg")
    text = tmp_path / "text.jpg"
    text.write_text("no photo")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(good.read_bytes()[:100])
    frames = read_all(photos_of(good, text, tmp_path / "gone.jpg", cut, good))
    assert [frame.error is None for frame in frames] == [True, False, False, False, True]
    for frame in frames:
        assert (frame.image_rgb is None) == (frame.error is not None)
        assert "\n" not in (frame.error or "")
        assert frame.source not in (frame.error or "")


def test_read_photo_reports_when_it_began(tmp_path: Path, write_photo: PhotoWriter) -> None:
    before_s = time.monotonic()
    frame = read_photo(write_photo(tmp_path / "a.jpg"))
    assert before_s <= frame.captured_s <= time.monotonic()


@pytest.mark.parametrize(("name", "codec"), [("v.avi", "MJPG"), ("v.mp4", "mp4v"), ("v.webm", "VP80")])
def test_video_gives_every_frame(tmp_path: Path, write_video: VideoWriter, name: str, codec: str) -> None:
    frames = read_all(VideoSource(write_video(tmp_path / name, [RED] * 4 + [GREEN] * 4 + [BLUE] * 4, codec)))
    assert [frame.index for frame in frames] == list(range(12))
    for index, frame in enumerate(frames):
        assert frame.image_rgb is not None
        assert frame.image_rgb.shape == (48, 64, 3)
        assert frame.image_rgb.dtype == np.uint8
        assert int(np.argmax(frame.image_rgb.mean(axis=(0, 1)))) == index // 4


@pytest.mark.parametrize(("stride", "expected"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6]), (100, [0])])
def test_video_stride(tmp_path: Path, write_video: VideoWriter, stride: int, expected: list[int]) -> None:
    frames = read_all(VideoSource(write_video(tmp_path / "v.avi", [RED] * 7), stride))
    assert [frame.index for frame in frames] == expected
    assert all(frame.error is None for frame in frames)


def test_video_that_was_cut_short_says_so_at_its_end(tmp_path: Path, write_video: VideoWriter) -> None:
    path = write_video(tmp_path / "v.avi", [RED, GREEN, BLUE] * 20)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    *frames, last = read_all(VideoSource(path))
    assert 0 < len(frames) < 60
    assert all(frame.error is None for frame in frames)
    assert last.image_rgb is None
    assert last.error == f"the video ends after {len(frames)} of 60 frames: damaged or cut short"


@pytest.mark.parametrize("content", [b"", b"not a video", bytes(5000)])
def test_file_that_is_no_video_is_one_frame_with_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    (frame,) = read_all(VideoSource(path))
    assert frame.error is not None
    assert "not a video that OpenCV can read" in frame.error


@pytest.mark.parametrize(
    ("read", "promised", "opened", "expected"),
    [
        (100, 100.0, True, None),
        (99, 100.0, True, None),
        (98, 100.0, True, None),
        (97, 100.0, True, "ends after 97 of 100"),
        (9, 10.0, True, None),
        (8, 10.0, True, "ends after 8 of 10"),
        (105, 100.0, True, None),
        (50, 0.0, True, None),
        (50, -9.2e18, True, None),
        (0, 10.0, True, "without a single readable frame"),
        (0, 0.0, False, "not a video"),
    ],
)
def test_judge_end(read: int, promised: float, opened: object, expected: str | None) -> None:
    problem = judge_end(read, promised, opened=bool(opened))
    assert problem is None if expected is None else expected in (problem or "")
