"""Sources by their words, and a live one as an iterator: a real source that delivers from a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.errors import InputError, SourceError
from tlx.runtime.frames import Capture, CaptureCounters, Frame, State, StateChange
from tlx.runtime.sources.latest import iterate_live, may_be_given
from tlx.runtime.sources.opening import open_source

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter

PICTURE = np.zeros((4, 4, 3), np.uint8)
Deliver = Callable[[Frame | StateChange], None]


def picture(index: int, *, state: State = State.LIVE, age_s: float = 0.0) -> Frame:
    return Frame("ticker", PICTURE, None, index, time.monotonic() - age_s, state=state)


class Ticker:
    """A live source that gives what it's told to, from a thread of its own."""

    name = "ticker"

    def __init__(self, script: Callable[[Deliver, threading.Event], None]) -> None:
        self.script = script
        self.stopped = threading.Event()

    def start(self, deliver: Deliver) -> Capture:
        self.thread = threading.Thread(target=self.script, args=(deliver, self.stopped))
        self.thread.start()
        return self

    def counters(self) -> CaptureCounters:
        return CaptureCounters()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join(10)


def test_a_slow_reader_gets_the_newest_picture_and_leaves_out_the_rest() -> None:
    given = threading.Event()

    def script(deliver: Deliver, stopped: threading.Event) -> None:
        deliver(picture(0))
        given.wait(10)
        for index in range(1, 50):
            deliver(picture(index))
        given.clear()
        stopped.wait(10)

    source = Ticker(script)
    frames = iterate_live(source)
    assert next(frames).index == 0
    given.set()
    while given.is_set():
        time.sleep(0.001)
    assert next(frames).index == 49
    frames.close()
    assert source.stopped.is_set()
    assert not source.thread.is_alive()


def test_states_are_told_and_only_pictures_of_now_are_given() -> None:
    taken = threading.Semaphore(0)

    def script(deliver: Deliver, stopped: threading.Event) -> None:
        items: list[Frame | StateChange] = [
            StateChange("ticker", State.CONNECTING, None, time.monotonic()),
            StateChange("ticker", State.LIVE, None, time.monotonic()),
            picture(0),
            StateChange("ticker", State.FROZEN, "the same again", time.monotonic()),
            picture(1, state=State.FROZEN),
            picture(2, state=State.BLANK),
            picture(3, age_s=5),
            Frame("ticker", None, "broken", 4, time.monotonic()),
            StateChange("ticker", State.LIVE, None, time.monotonic()),
            picture(5),
        ]
        for item in items:
            deliver(item)
            if isinstance(item, Frame) and item.index in {0, 5}:
                taken.acquire(timeout=10)
            else:
                time.sleep(0.005)  # time for it to be taken on its own
        stopped.wait(10)

    states: list[State] = []
    indices = []
    frames = iterate_live(Ticker(script), on_state=lambda change: states.append(change.state))
    for frame in frames:
        indices.append(frame.index)
        taken.release()
        if frame.index == 5:
            break
    frames.close()
    assert indices == [0, 5]
    assert states == [State.CONNECTING, State.LIVE, State.FROZEN, State.LIVE]


@pytest.mark.parametrize(
    ("frame", "age_s", "expected"),
    [
        (Frame("a", PICTURE, None, 0, 100.0, state=State.LIVE), 0.5, True),
        (Frame("a", PICTURE, None, 0, 100.0), 0.5, True),
        (Frame("a", PICTURE, None, 0, 100.0, state=State.LIVE), 1.5, False),
        (Frame("a", PICTURE, None, 0, 100.0, state=State.FROZEN), 0.5, False),
        (Frame("a", PICTURE, None, 0, 100.0, state=State.BLANK), 0.5, False),
        (Frame("a", None, "broken", 0, 100.0), 0.5, False),
    ],
)
def test_may_be_given(frame: Frame, age_s: float, expected: object) -> None:
    assert may_be_given(frame, 100.0 + age_s, 1.0) == expected


def test_files_folders_patterns_and_videos_are_opened_by_their_words(
    write_photo: PhotoWriter, write_video: VideoWriter, tmp_path: Path
) -> None:
    for name in ("1.png", "2.png", "10.png"):
        write_photo(tmp_path / "photos" / name)
    video = write_video(tmp_path / "clip.avi", [(0, 0, 0)] * 5)
    words: dict[str | Path, int] = {
        tmp_path / "photos" / "1.png": 1,
        str(tmp_path / "photos"): 3,
        f"{tmp_path}/photos/1*.png": 2,
        video: 3,
    }
    for word, count in words.items():
        with open_source(word, stride=2) as frames:
            assert not frames.is_live
            assert len([frame for frame in frames if frame.image_rgb is not None]) == count
        assert list(frames) == []  # closed


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        open_source(tmp_path / "absent.jpg")
    with pytest.raises(InputError, match="stride must be at least 1"):
        open_source(tmp_path, stride=0)
