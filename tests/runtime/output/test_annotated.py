"""``--save``: what is written where, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.runtime.output.pictures import make_result, photo, plain

from tlx import images
from tlx.errors import InputError, OutputError
from tlx.opencv import cv2
from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.annotated import FolderSink, PictureSink, open_save, safe_stem, write_picture
from tlx.runtime.output.items import ModelChange
from tlx.runtime.output.video_file import VideoOptions, VideoSink
from tlx.runtime.sources.view import View

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter


@pytest.mark.parametrize(
    ("name", "photos", "moving", "kind"),
    [
        ("out.jpg", 1, 0, PictureSink),
        ("out.PNG", 1, 0, PictureSink),
        ("out.webm", 0, 1, VideoSink),
        ("out.avi", 0, 1, VideoSink),
        ("out", 2, 0, FolderSink),
        ("new/deep/out", 1, 3, FolderSink),
        ("there.is", 0, 1, FolderSink),
    ],
)
def test_what_is_named_decides_what_is_written(tmp_path: Path, name: str, photos: int, moving: int, kind: type) -> None:
    (tmp_path / "there.is").mkdir()
    assert isinstance(open_save(tmp_path / name, photos=photos, moving=moving), kind)


@pytest.mark.parametrize(
    ("name", "photos", "moving", "message"),
    [
        ("out.jpg", 2, 0, "a .jpg holds one photo, but several photos will come: name a folder to save into"),
        ("out.jpg", 2, 1, "a .jpg holds one photo, but several photos and one video or camera will come"),
        ("out.png", 0, 1, "a .png holds one photo, but one video or camera will come"),
        ("out.webm", 1, 0, "a .webm holds one video, but one photo will come: name a folder to save into"),
        ("out.mkv", 1, 2, "holds one video, but one photo and several videos or cameras will come"),
        ("out.mp4", 0, 1, "can't be saved as .mp4: name a .webm (plays in browsers), .mkv or .avi for video"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_read(
    tmp_path: Path, name: str, photos: int, moving: int, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        open_save(tmp_path / name, photos=photos, moving=moving)
    assert message in str(caught.value)


@pytest.mark.parametrize(("name", "moving"), [("out.jpg", 0), ("out.webm", 1)])
def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path, name: str, moving: int) -> None:
    with pytest.raises(OutputError, match="create it first"):
        open_save(tmp_path / "nowhere" / name, photos=1 - moving, moving=moving)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photo_is_saved_with_its_label(tmp_path: Path, suffix: str) -> None:
    sink = PictureSink(tmp_path / f"saved{suffix}")
    assert sink.wants_pictures
    sink.write(photo(plain(150, (200, 300)), "photo.jpg", cat=1.0))
    sink.write(StateChange("camera 0", State.LIVE, None, 0.0))
    sink.close()
    saved_rgb = images.read(sink.path)
    assert saved_rgb.shape == (200, 300, 3)
    assert np.abs(saved_rgb[-2].astype(int) - (70, 200, 90)).max() < 30  # the bar
    assert np.abs(saved_rgb[:100].astype(int) - 150).max() < 5


def test_a_second_photo_is_an_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "saved.jpg"
    path.write_bytes(b"of an earlier run")
    sink = open_save(path, photos=1, moving=0)
    sink.write(photo(plain(150), "a.jpg"))
    sink.write(photo(None, "bad.jpg"))
    with pytest.raises(
        OutputError, match=r"saved\.jpg: a \.jpg holds one photo, but a second one came \(b\.jpg\): name"
    ):
        sink.write(photo(plain(150), "b.jpg"))
    sink.close()
    assert path.read_bytes() == b"of an earlier run"


def test_a_bad_photo_leaves_no_picture(tmp_path: Path) -> None:
    sink = PictureSink(tmp_path / "saved.jpg")
    sink.write(photo(None, "photo.jpg"))
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_photo_is_never_overwritten_by_its_copy(tmp_path: Path, write_photo: PhotoWriter) -> None:
    path = write_photo(tmp_path / "photo.jpg")
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path)
    for sink in (PictureSink(path), FolderSink(tmp_path), FolderSink(tmp_path / "link")):
        with pytest.raises(OutputError, match="is the photo or video itself: save into another folder"):
            sink.write(photo(plain(1), str(path)))
    assert path.read_bytes() == before


def test_a_folder_takes_all_that_comes(tmp_path: Path, write_video: VideoWriter) -> None:
    clips = [write_video(tmp_path / name, [(9, 9, 9)] * 3) for name in ("one.avi", "two.avi")]
    sink = FolderSink(tmp_path / "out", VideoOptions(View(90)))
    sink.folder.mkdir()
    sink.write(photo(plain(50), "a/cat.jpg"))
    sink.write(photo(plain(50), "b/cat.jpg"))
    sink.write(photo(None, "b/broken.jpg"))
    sink.write(photo(plain(50), "c/dog.PNG"))
    for clip in clips:
        for index in range(3):
            sink.write(make_result(plain(50), str(clip), index=index, state=None))
    assert (sink.folder / "one.webm").exists(), "a file's video is finished when the next one begins"
    for at_s in (1.0, 1.1):
        for source in ("camera 0", "rtsp://gate/stream?x=1"):
            sink.write(make_result(plain(50), source, at_s=at_s))
    sink.write(StateChange("camera 0", State.LOST, "unplugged", 1.2))
    sink.write(ModelChange("model.onnx", "0" * 64, None, 1.2))
    sink.close()
    sink.close()
    names = ["camera-0.webm", "cat-2.jpg", "cat.jpg", "dog.png", "gate-stream-x-1.webm", "one.webm", "two.webm"]
    assert sorted(path.name for path in sink.folder.iterdir()) == names
    assert images.read(sink.folder / "cat.jpg").shape == (256, 192, 3)  # turned, and enlarged to be read
    assert cv2.VideoCapture(str(sink.folder / "one.webm")).read()[1].shape == (256, 192, 3)


def test_a_video_that_is_named_twice_is_saved_twice(tmp_path: Path, write_video: VideoWriter) -> None:
    clip = write_video(tmp_path / "clip.avi", [(9, 9, 9)] * 3)
    sink = FolderSink(tmp_path)
    for index in (0, 1, 2, 0, 1, 2, 2):
        sink.write(make_result(plain(50), str(clip), index=index, state=None))
    sink.close()
    lengths = {path.name: frames_in(path) for path in tmp_path.glob("*.webm")}
    assert lengths == {"clip.webm": 3, "clip-2.webm": 3, "clip-3.webm": 1}


def test_a_camera_that_counts_anew_stays_one_video(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path)
    for number in range(4):
        sink.write(make_result(plain(50), "camera 0", index=number % 2, at_s=number / 15))
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["camera-0.webm"]


def frames_in(path: Path) -> int:
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


@pytest.mark.parametrize(
    ("keep", "names"), [(False, ["cat-2.jpg", "cat.jpg"]), (True, ["cat-2.jpg", "cat-3.jpg", "cat-4.jpg", "cat.jpg"])]
)
def test_copies_of_an_earlier_run_are_kept_where_asked(tmp_path: Path, keep: bool, names: list[str]) -> None:
    for level in (50, 200):
        sink = open_save(tmp_path, photos=2, moving=0, keep=keep)
        sink.write(photo(plain(level), "a/cat.jpg"))
        sink.write(photo(plain(level), "b/cat.jpg"))
        sink.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert abs(int(images.read(tmp_path / "cat.jpg")[0, 0, 0]) - (50 if keep else 200)) < 9


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("photos/cat.jpg", "cat"),
        ("/dev/video0", "video0"),
        ("camera 0", "camera-0"),
        ("rtsp://host:554/a/b", "host-554-a-b"),
        ("../..", "picture"),
        (".hidden.jpg", "hidden"),
        ("-", "picture"),
        ("", "picture"),
        ("a\nb\0c.jpg", "a-b-c"),
        ("Käse.jpg", "Käse"),
        ("x\udcff.jpg", "x"),
        ("é" * 200 + ".jpg", "é" * 60),
    ],
)
def test_names_are_safe(source: str, stem: str) -> None:
    assert safe_stem(source) == stem
    assert len(os.fsencode(safe_stem(source))) <= 120


def test_a_picture_that_its_format_cannot_hold_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"wide\.jpg: can't be encoded"):
        write_picture(tmp_path / "wide.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
