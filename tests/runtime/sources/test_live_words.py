from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tlx.errors import DeviceError, SourceError
from tlx.runtime.sources.live import CameraWish, find_live


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in ((0, "HD Webcam"), (2, "USB Capture")):
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / f"dev/video{number}").touch()
        (tmp_path / f"sys/class/video4linux/video{number}").mkdir(parents=True)
        (tmp_path / f"sys/class/video4linux/video{number}/name").write_text(f"{name}\n")
    return tmp_path


def test_a_number_is_a_camera_if_there_is_one(root: Path) -> None:
    found = find_live("2", wish=CameraWish((1280, 720), 15.0), root=root)
    assert found is not None
    assert (found.name, found.kind, found.address) == ("camera 2", "camera", "/dev/video2")
    assert (found.size_wh, found.rate_hz) == ((1280, 720), 15.0)


@pytest.mark.parametrize(("word", "name"), [("1", "camera 1"), ("/dev/video1", "/dev/video1")])
def test_a_camera_that_is_not_there_is_refused_with_those_that_are(root: Path, word: str, name: str) -> None:
    cameras = "the cameras here are /dev/video0 (HD Webcam), /dev/video2 (USB Capture)"
    with pytest.raises(DeviceError, match=re.escape(f"{name}: there is no /dev/video1: {cameras}")):
        find_live(word, root=root)
    with pytest.raises(DeviceError, match="no camera is here"):
        find_live(word, root=root / "nowhere")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("rtsp://admin:hunter2@cam:554/1?x=y", "rtsp://cam:554/1?x=y"),
        ("rtsps://cam/1", "rtsps://cam/1"),
        ("HTTP://cam/video.mjpg", "HTTP://cam/video.mjpg"),
        ("https://cam/video", "https://cam/video"),
        ("udp://239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("rtmp://cam/live/1", "rtmp://cam/live/1"),
    ],
)
def test_an_address_is_a_stream_and_its_name_holds_no_password(word: str, name: str) -> None:
    found = find_live(word)
    assert found is not None
    assert (found.kind, found.name, found.address) == ("stream", name, word)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("ftp://u:hunter2@host/x", "ftp://host/x: addresses of this kind can't be read, only rtsp://, rtsps://, "),
        ("srt://host:9", "srt://host:9: addresses of this kind can't be read"),
        ("file:///video.mp4", "file:///video.mp4: name the file by its path, without file://"),
        ("rtsp://", "rtsp://: not a whole address"),
        ("http:///", "http:///: not a whole address"),
        ("http://u:hunter2@cam/a b", "not a whole address: expected http://HOST/PATH without spaces"),
        ("http://u:hunter2@cam/a\nb", "not a whole address"),
        ("rtsp://u:hunt@er2@cam/", "rtsp://cam/: an @ in a user's name or password must be written %40"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(word: str, problem: str) -> None:
    with pytest.raises(SourceError, match=re.escape(problem)) as caught:
        find_live(word)
    assert not re.search("hunt|er2", str(caught.value))


def test_a_named_pipe_is_live_and_a_device_that_is_no_camera_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("rtmp:camera")
    found = find_live("rtmp:camera")
    assert found is not None
    assert (found.kind, found.name, found.address) == ("pipe", "rtmp:camera", str(tmp_path / "rtmp:camera"))
    with pytest.raises(SourceError, match="/dev/zero: a device, but no camera"):
        find_live("/dev/zero")


def test_all_else_is_not_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("7").touch()
    Path("video").mkdir()
    os.mkfifo("pipe.jpg")
    for word in ("7", "video", "pipe.jpg", "no/such.jpg", "*.jpg", "", "a\0b", "-", "12345"):
        assert find_live(word) is None
