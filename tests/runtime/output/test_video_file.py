"""Annotated videos: whole or not there, and at the pace at which things happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.runtime.output.pictures import blocks, make_result, plain

from tlx.errors import OutputError
from tlx.opencv import cv2
from tlx.runtime.frames import State, StateChange
from tlx.runtime.output.items import ModelChange
from tlx.runtime.output.overlay import SMALLEST_SIDE
from tlx.runtime.output.video_file import LIVE_RATE, LONGEST_SIDE, VideoOptions, VideoSink
from tlx.runtime.output.video_writing import VideoFile, count_pictures, judge_video

if TYPE_CHECKING:
    from tests.conftest import VideoWriter

CRAMPED = VideoOptions(reserve_bytes=2**60)
HELPER = Path(__file__).with_name("video_worker.py")


def levels(path: Path) -> list[tuple[int, int]]:
    """When each picture is seen, in milliseconds, and how bright its middle is."""
    capture, seen = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame_bgr = capture.read()
        if not ok:
            break
        height, width = frame_bgr.shape[:2]
        middle = frame_bgr[height // 3 : height // 2, width // 3 : width // 2]
        seen.append((round(capture.get(cv2.CAP_PROP_POS_MSEC)), round(float(middle.mean()))))
    capture.release()
    return seen


def near(levels_: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Brightness to the nearest of the levels that the tests use."""
    return [(at_ms, round(level / 50) * 50) for at_ms, level in levels_]


@pytest.fixture
def clip(tmp_path: Path, write_video: VideoWriter) -> Path:
    """A video of 10 pictures a second."""
    return write_video(tmp_path / "clip.avi", [(n, n, n) for n in range(12)])


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".avi"])
def test_a_files_video_plays_at_its_own_pace(tmp_path: Path, clip: Path, suffix: str) -> None:
    sink = VideoSink(tmp_path / f"saved{suffix}")
    for index in range(4):
        sink.write(make_result(plain(50 * index), str(clip), index=index, state=None))
    assert not sink.path.exists()
    sink.close()
    assert near(levels(sink.path)) == [(0, 0), (100, 50), (200, 100), (300, 150)]
    sink.close()


@pytest.mark.parametrize(
    ("indices", "seen"),
    [
        ([0, 4, 8], [(0, 50), (400, 100), (800, 150)]),
        ([7, 11], [(0, 50), (400, 100)]),  # a part of it
        ([3], [(0, 50)]),
        ([0, 15, 30], [(0, 50), (1000, 50), (2000, 100), (3000, 150)]),  # never slower than one a second
    ],
)
def test_pictures_left_out_leave_their_time(
    tmp_path: Path, clip: Path, indices: list[int], seen: list[tuple[int, int]]
) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    for number, index in enumerate(indices, start=1):
        sink.write(make_result(plain(50 * number), str(clip), index=index, state=None))
    sink.close()
    assert near(levels(sink.path)) == seen


def test_a_picture_that_cannot_be_decoded_is_a_banner_over_the_one_before(tmp_path: Path, clip: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    for index, image in enumerate((plain(50), None, plain(150))):
        sink.write(make_result(image, str(clip), index=index, state=None))
    sink.close()
    assert near(levels(sink.path)) == [(0, 50), (100, 50), (200, 150)]
    capture = cv2.VideoCapture(str(sink.path))
    tops = [capture.read()[1][3, 3] for _ in range(3)]
    assert tops[1][2] > tops[1][0] + 80  # red
    assert abs(int(tops[0][2]) - int(tops[0][0])) < 20


def test_live_video_plays_in_real_time(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    # Two pictures at once, then one after a second: the second of the two is what's seen in that second.
    for at_s, level in ((100.0, 0), (100.001, 50), (101.0, 100), (101.2, 150)):
        sink.write(make_result(plain(level), at_s=at_s))
    sink.close()
    seen = near(levels(sink.path))
    assert [level for _, level in seen] == [0] + [50] * 14 + [100] * 3 + [150]
    assert seen[-1][0] == 1200


def test_a_source_that_stalls_is_seen_to_do_so(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    sink.write(StateChange("camera 0", State.CONNECTING, None, 0.0))  # no picture to write that on
    sink.write(make_result(plain(100), at_s=1.0))
    sink.write(StateChange("camera 0", State.STALLED, "no picture for 2 s", 3.0))
    sink.write(ModelChange("model.onnx", "0" * 64, None, 3.0))
    sink.write(make_result(plain(100), at_s=4000.0))
    sink.close()
    capture, reds = cv2.VideoCapture(str(sink.path)), []
    while True:
        ok, frame_bgr = capture.read()
        if not ok:
            break
        reds.append(int(frame_bgr[3, 3, 2]) > int(frame_bgr[3, 3, 0]) + 80)
    # Two seconds of picture, then the pause, which isn't an hour long.
    assert reds == [False] * 30 + [True] * 76 + [False]


def test_pictures_of_another_size_are_fitted_in(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    for number, size_hw in enumerate([(241, 321), (480, 320), (30, 40)]):
        sink.write(make_result(plain(150, size_hw), at_s=number / LIVE_RATE))
    sink.close()
    capture = cv2.VideoCapture(str(sink.path))
    frames = [capture.read()[1] for _ in range(3)]
    assert {frame.shape for frame in frames} == {(240, 320, 3)}
    assert frames[1][100, 5].max() < 30  # black beside it
    assert frames[1][100, 160].min() > 120


def test_a_huge_picture_makes_a_smaller_video(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "saved.avi")
    sink.write(make_result(plain(50, (1000, 4000))))
    sink.close()
    height, width = cv2.VideoCapture(str(sink.path)).read()[1].shape[:2]
    assert (width, height) == (LONGEST_SIDE, LONGEST_SIDE // 4)


def test_tiny_pictures_are_enlarged(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm")
    sink.write(make_result(plain(50, (2, 2))))
    sink.close()
    assert cv2.VideoCapture(str(sink.path)).read()[1].shape == (SMALLEST_SIDE, SMALLEST_SIDE, 3)


def test_no_picture_no_video(tmp_path: Path) -> None:
    warnings: list[str] = []
    sink = VideoSink(tmp_path / "saved.webm", VideoOptions(warn=warnings.append))
    sink.write(make_result(None))
    sink.close()
    assert list(tmp_path.iterdir()) == []
    assert warnings == [f"{tmp_path / 'saved.webm'}: no picture came, so there is no video"]


def test_a_full_disk_ends_a_live_video_with_what_is_there(tmp_path: Path) -> None:
    warnings: list[str] = []
    sink = VideoSink(tmp_path / "saved.webm", VideoOptions(reserve_bytes=2**60, warn=warnings.append))
    for number in range(5):
        sink.write(make_result(plain(50), at_s=number / LIVE_RATE))
    sink.close()
    assert sink.problem is not None
    assert sink.problem.startswith(f"{sink.path}: the disk is full (less than ")
    assert warnings == [f"{sink.problem}: everything else goes on"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_ends_a_live_video_with_what_is_there(tmp_path: Path) -> None:
    warnings: list[str] = []
    sink = VideoSink(tmp_path / "saved.webm", VideoOptions(reserve_bytes=0, warn=warnings.append))
    for number in range(5):
        sink.write(make_result(plain(50), at_s=number / LIVE_RATE))
    assert sink._video is not None
    sink._video._reserve_bytes, sink._looked_s = 2**60, 0.0  # from now on less is free than has to be
    for number in range(5, 10):
        sink.write(make_result(plain(50), at_s=number / LIVE_RATE))
    assert len(levels(sink.path)) == 5
    sink.close()
    assert warnings == [f"{sink.problem}: the video ends here, everything else goes on"]


def test_a_full_disk_is_an_error_for_a_file(tmp_path: Path, clip: Path) -> None:
    sink = VideoSink(tmp_path / "saved.webm", CRAMPED)
    sink.write(make_result(plain(50), str(clip), index=0, state=None))
    with pytest.raises(OutputError, match=r"saved\.webm: the disk is full \(less than "):
        sink.write(make_result(plain(50), str(clip), index=1, state=None))
    sink.close()
    assert list(tmp_path.iterdir()) == [clip]


def test_a_place_that_cannot_be_written_to_ends_a_live_video_in_one_line(tmp_path: Path) -> None:
    warnings: list[str] = []
    sink = VideoSink(tmp_path / "nowhere" / "saved.webm", VideoOptions(warn=warnings.append))
    sink.write(make_result(plain(50)))
    sink.close()
    assert warnings[0].endswith("create it first: everything else goes on")


@pytest.mark.parametrize(
    ("written", "found", "promised", "readable", "problem"),
    [
        ((10, 10), 10, 10.0, True, None),
        ((10, 10), 10, 11.0, True, None),
        ((10, 10), 9, 10.0, True, "the video isn't whole (9 of 10 pictures are in the file)"),
        ((9, 10), 9, 9.0, True, None),  # interrupted in the middle of the last one
        ((9, 10), 8, 8.0, True, "the video isn't whole (8 of 10 pictures are in the file)"),
        ((10, 10), 10, 10.0, False, "the video can't be read again"),
        ((10, 10), 10, -2.3e17, True, "the video has no proper end"),
        ((10, 10), 10, 0.0, True, "the video has no proper end"),
    ],
)
def test_what_is_wrong_with_a_video(
    written: tuple[int, int], found: int, promised: float, readable: bool, problem: str | None
) -> None:
    assert judge_video(written, found, promised, readable=readable) == problem


def test_a_discarded_video_leaves_nothing(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "saved.webm", 10.0, (64, 48))
    video.write(plain(50))
    assert len(list(tmp_path.iterdir())) == 1
    video.discard()
    assert list(tmp_path.iterdir()) == []


def worker(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(HELPER), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("suffix", [".webm", ".avi"])
def test_a_disk_that_takes_no_more_is_noticed_though_the_writer_is_silent(tmp_path: Path, suffix: str) -> None:
    """The process may write no file of more than 100 kB, which FFmpeg is told of as of a full disk."""
    with worker("limited", str(tmp_path / f"saved{suffix}")) as process:
        out, errors = process.communicate(timeout=60)
    assert "saved" in out, errors
    assert "pictures are in the file); the disk may be full" in out or "has no proper end; the disk may be full" in out
    assert list(tmp_path.iterdir()) == []


def test_killed_it_leaves_no_half_video_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "saved.webm"
    path.write_bytes(b"the video before")
    with worker("endless", str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert path.read_bytes() == b"the video before"


def test_interrupted_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "saved.webm"
    with worker("endless", str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    written = int(out.split()[-1])
    found, promised, readable = count_pictures(path)
    assert found >= written > 20
    assert (promised, readable) == (found, True)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_seen_is_what_was_classified(tmp_path: Path, clip: Path) -> None:
    picture = blocks(1, (240, 320))
    sink = VideoSink(tmp_path / "saved.webm")
    sink.write(make_result(picture, str(clip), index=0, state=None))
    sink.close()
    seen_rgb = cv2.cvtColor(cv2.VideoCapture(str(sink.path)).read()[1], cv2.COLOR_BGR2RGB)
    assert np.abs(seen_rgb[:180].astype(int) - picture[:180]).mean() < 12
