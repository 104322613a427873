"""A start is exact: what it gives is what reading from the beginning gives from there on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tlx.opencv import cv2
from tlx.runtime.frames import Frame
from tlx.runtime.sources.positions import Reading
from tlx.runtime.sources.videos import VideoSource
from tlx.runtime.sources.words import open_sources

KINDS = [("v.avi", "MJPG", 10.0), ("v.mp4", "mp4v", 29.97), ("v.webm", "VP80", 25.0), ("v.mkv", "MJPG", 12.5)]
COUNT = 400


def write_numbered(path: Path, codec: str, rate: float) -> Path:
    """Every picture shows its number, as bars of light and dark."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (64, 48))
    assert writer.isOpened()
    for number in range(COUNT):
        bits = [255 * (number >> place & 1) for place in range(16)]
        writer.write(np.repeat(np.tile(np.repeat(np.array(bits, np.uint8), 4), (48, 1))[:, :, None], 3, axis=2))
    writer.release()
    return path


def number_on(frame: Frame) -> int:
    assert frame.image_rgb is not None, frame.error
    return sum(int(frame.image_rgb[24, place * 4 + 2].mean() > 127) << place for place in range(16))


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A video, and the times of its frames as reading from the beginning finds them."""
    name, codec, rate = request.param
    path = write_numbered(tmp_path_factory.mktemp("numbered") / name, codec, rate)
    reading, times = Reading(str(path)), []
    while reading.is_there:
        times.append(reading.time_s)
        reading.advance()
    reading.capture.release()
    assert len(times) == COUNT
    return path, times


def first_of(source: VideoSource) -> Frame:
    frames = source.frames()
    try:
        return next(frames)
    finally:
        frames.close()


@pytest.mark.parametrize("start_s", [0.0, 0.05, 1.0, 3.333, 9.99, 10.0, 11.04, 12.3456, 13.0])
def test_the_first_frame_is_the_first_one_at_the_start_or_after_it(
    video: tuple[Path, list[float]], start_s: float
) -> None:
    path, times = video
    expected = next(number for number, time_s in enumerate(times) if time_s >= start_s - 5e-4)
    frame = first_of(VideoSource(path, start_s=start_s))
    assert number_on(frame) == frame.index == expected


def test_every_frame_can_be_started_at_by_its_own_time(video: tuple[Path, list[float]]) -> None:
    path, times = video
    for number in (1, 99, 126, 127, 130, 131, 150, 163, 299, 398):
        assert number_on(first_of(VideoSource(path, start_s=times[number]))) == number


@pytest.mark.parametrize("start_s", [2.0, 12.0])
def test_duration_and_stride_count_from_the_start(video: tuple[Path, list[float]], start_s: float) -> None:
    path, times = video
    inside = [number for number, time_s in enumerate(times) if start_s - 5e-4 <= time_s < start_s + 1.0 - 5e-4]
    frames = list(VideoSource(path, 3, start_s, 1.0).frames())
    assert [number_on(frame) for frame in frames] == inside[::3]
    assert [frame.index for frame in frames] == inside[::3]


@pytest.mark.parametrize("start_s", [100.0, 41.0])
def test_a_start_behind_the_end_is_an_error(video: tuple[Path, list[float]], start_s: float) -> None:
    path, times = video
    (frame,) = VideoSource(path, start_s=start_s).frames()
    assert frame.image_rgb is None
    assert f"before the start at {start_s:g} s" in (frame.error or "")
    assert f"ends after {times[-1] + times[1]:.1f} s" in (frame.error or "")


def test_open_sources_hands_start_and_duration_to_videos(video: tuple[Path, list[float]]) -> None:
    path, _ = video
    assert open_sources([str(path)], stride=2, start_s=1.0, duration_s=3.0) == [VideoSource(path, 2, 1.0, 3.0)]


def test_a_name_that_ffmpeg_would_take_for_more_than_a_file_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_numbered(tmp_path / "secret.avi", "MJPG", 10)
    (tmp_path / "concat:secret.avi").write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path)
    (frame,) = VideoSource(Path("concat:secret.avi")).frames()
    assert "not a video" in (frame.error or "")
