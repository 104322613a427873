from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.errors import SourceError
from tlx.runtime.frames import Frame
from tlx.runtime.sources.stdin import StdinSource, is_told, split_paths
from tlx.runtime.sources.tasks import TaskSource
from tlx.runtime.sources.videos import VideoSource
from tlx.runtime.sources.words import open_sources

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter

RED, GREEN = (255, 0, 0), (0, 255, 0)


def read_all(content: bytes) -> list[Frame]:
    """What a source makes of these bytes on its descriptor."""
    reader, writer = os.pipe()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb", buffering=0) as file:
            file.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return list(StdinSource(VideoSource, reader).frames())
    finally:
        os.close(reader)
        thread.join(timeout=10)


def test_a_list_names_photos_folders_and_videos(
    tmp_path: Path, write_photo: PhotoWriter, write_video: VideoWriter
) -> None:
    one = write_photo(tmp_path / "1.png", RED)
    folder = write_photo(tmp_path / "folder" / "2.png", GREEN).parent
    video = write_video(tmp_path / "v.avi", [RED, GREEN])
    (tmp_path / "empty").mkdir()
    listed = [one, tmp_path / "gone.jpg", folder, tmp_path / "empty", video, one]
    frames = read_all("\n".join(map(str, listed)).encode())
    assert [(Path(frame.source).name, frame.index) for frame in frames] == [
        ("1.png", None),
        ("gone.jpg", None),
        ("2.png", None),
        ("empty", None),
        ("v.avi", 0),
        ("v.avi", 1),
        ("1.png", None),
    ]
    assert [frame.error is None for frame in frames] == [True, False, True, False, True, True, True]
    assert frames[1].error == "does not exist"
    assert (frames[3].error or "").startswith("no photos in this folder")


def test_a_list_with_zero_bytes_holds_any_name(tmp_path: Path, write_photo: PhotoWriter) -> None:
    names = [b"a\nb.png", b"\xff.png", b" c .png"]
    for name in names:
        write_photo(tmp_path / "x.png").rename(tmp_path / os.fsdecode(name))
    frames = read_all(b"".join(os.fsencode(tmp_path) + b"/" + name + b"\0" for name in names))
    assert [os.fsencode(Path(frame.source).name) for frame in frames] == names
    assert all(frame.error is None for frame in frames)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".gif", ".ppm", ".avif"])
def test_a_picture_is_told_by_its_first_bytes(tmp_path: Path, write_photo: PhotoWriter, suffix: str) -> None:
    (frame,) = read_all(write_photo(tmp_path / f"a{suffix}", GREEN).read_bytes())
    assert (frame.source, frame.error) == ("<stdin>", None)
    assert frame.image_rgb is not None
    assert frame.image_rgb.shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"%PDF-1.7\n...", "PDF"),
        (b"\x1aE\xdf\xa3" + bytes(100), "is not a picture"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), ""),
    ],
)
def test_another_file_or_a_damaged_picture_is_one_error(content: bytes, error: str) -> None:
    (frame,) = read_all(content)
    assert frame.source == "<stdin>"
    assert frame.error is not None
    assert error in frame.error


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0\0"])
def test_an_empty_list_gives_nothing(content: bytes) -> None:
    assert read_all(content) == []


def test_garbage_is_refused() -> None:
    with pytest.raises(SourceError, match="this is neither"):
        read_all(b"x" * 200_000)


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("content", "paths"),
    [
        (b"a\nb\nc", [b"a", b"b", b"c"]),
        (b"a\n\nb\n", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\0b\0", [b"a", b"b"]),
        (b"a b\tc\n", [b"a b\tc"]),
        (b"\xff\xfe\n", [b"\xff\xfe"]),
    ],
)
def test_split_paths(content: bytes, paths: list[bytes], size: int) -> None:
    assert list(split_paths(in_pieces(content, size))) == paths


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"", False),
        (b"a.jp", False),
        (b"a.jpg\n", True),
        (b"photos/a.jpg\0", True),
        (b"P5\n", False),
        (b"P5\n2 2\n255\n", True),
        (b"BM\x36\0", False),
        (b"BMW.jpg\n", True),
        (b"\xff\xd8\xff", True),
        (b"RIFF\x24\0\0\0", False),
        (b"x" * 64, True),
    ],
)
def test_is_told(head: bytes, told: bool) -> None:
    assert is_told(head) is told


def test_a_list_that_grows_slowly_is_read_as_it_comes(tmp_path: Path, write_photo: PhotoWriter) -> None:
    photo = str(write_photo(tmp_path / "1.png")).encode()
    reader, writer = os.pipe()
    frames = StdinSource(VideoSource, reader).frames()
    try:
        for _ in range(4):
            os.write(writer, photo + b"\n")
            assert next(frames).error is None  # with nothing behind it that could push it on
    finally:
        began_s = time.monotonic()
        frames.close()  # while its thread waits for more
        assert time.monotonic() - began_s < 5
        os.close(writer)
        time.sleep(0.05)
        os.close(reader)


def test_it_can_be_read_by_the_callers_own_threads(tmp_path: Path, write_photo: PhotoWriter) -> None:
    write_photo(tmp_path / "1.png")
    (source,) = open_sources([str(tmp_path)])
    assert isinstance(source, TaskSource)
    (task,) = source.tasks()
    assert (task.source, task.index, task().error) == (str(tmp_path / "1.png"), None, None)


OPEN = "import sys; from tlx.cli.app import run; sys.exit(run(['classify', sys.argv[1], *sys.argv[2:]]))"


def classify(model: Path, *words: str, stdin: int | None, close: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OPEN, str(model), *words]
    if close:
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("terminal", "stdin is a terminal"),
        ("closed", "stdin is closed"),
        ("twice", "stdin can be read only once"),
    ],
)
def test_an_unfit_stdin_is_one_line(tiny_model: Path, kind: str, reason: str) -> None:
    primary, secondary = pty.openpty()
    try:
        stdin = secondary if kind == "terminal" else subprocess.DEVNULL
        words = ["-", "-"] if kind == "twice" else ["-"]
        done = classify(tiny_model, *words, stdin=stdin, close=kind == "closed")
    finally:
        for descriptor in (primary, secondary):
            os.close(descriptor)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("tlx: error: -: ")
    assert reason in line


def test_a_list_that_grows_is_classified_as_it_comes_and_ctrl_c_ends_it(
    tiny_model: Path, tmp_path: Path, write_photo: PhotoWriter
) -> None:
    photo = write_photo(tmp_path / "1.png", RED)
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, str(tiny_model), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(2):
            process.stdin.write(f"{photo}\n".encode())
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 30)[0]
            assert b"red" in process.stdout.readline()
        process.send_signal(2)
        assert process.wait(timeout=10) == 130
        assert process.stderr.read().endswith(b"tlx: interrupted\n")
