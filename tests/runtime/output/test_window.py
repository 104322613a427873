"""``--show`` on a real display that nobody sees: what is drawn, and how it's left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.errors import DeviceError
from tlx.opencv import cv2
from tlx.runtime.output.window import TITLE, judge_probe, require_display

if TYPE_CHECKING:
    from tests.display import Display

GREEN, RED = (70, 200, 90), (190, 40, 40)
HELPER = Path(__file__).with_name("window_worker.py")


def xdotool(display: Display, *arguments: str) -> str:
    command = ["xdotool", *arguments]
    environment = {**os.environ, "DISPLAY": display.name}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout.strip()


def comes_true(condition: Callable[[], bool], within_s: float = 30) -> bool:
    until_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def window(display: Display, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that shows pictures until it's told to stop, and the window's number."""
    environment = {**os.environ, "DISPLAY": display.name, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(HELPER), *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "shown\n"
            yield process, xdotool(display, "search", "--sync", "--name", TITLE).splitlines()[0]
        finally:
            process.kill()


@pytest.mark.parametrize("key", ["q", "Q", "Escape"])
def test_q_and_escape_quit(display: Display, key: str) -> None:
    with window(display) as (process, number):
        xdotool(display, "key", "--window", number, "x")
        xdotool(display, "key", "--window", number, key)
        out, errors = process.communicate(timeout=30)
    assert out == "stopped\n"
    assert errors == ""
    assert process.returncode == 0


def test_closing_the_window_quits(display: Display) -> None:
    with window(display) as (process, number):
        display.ask_to_close(int(number))
        out, errors = process.communicate(timeout=30)
    assert out == "stopped\n", errors
    assert process.returncode == 0


def test_the_picture_is_seen_with_its_label_and_then_what_is_wrong(display: Display) -> None:
    # A green bar below first; then the source is lost and says so in red above.
    with painted_window(display) as process:
        process.send_signal(signal.SIGUSR1)
        assert comes_true(lambda: has_colour(display.screenshot(), RED))
        assert not has_colour(display.screenshot(), GREEN)


@pytest.mark.parametrize(
    ("words", "size"), [((), "320x240"), (("240", "320", "90"), "240x320"), (("48", "64"), "256x192")]
)
def test_the_window_takes_the_size_of_what_it_shows_though_a_message_came_before(
    display: Display, words: tuple[str, ...], size: str
) -> None:
    """A picture turned; one too small for a label."""
    with window(display, *words) as (_, number):
        assert comes_true(lambda: size in xdotool(display, "getwindowgeometry", number))


@contextmanager
def painted_window(display: Display) -> Iterator[subprocess.Popen[str]]:
    """A process whose window has shown its picture.

    Where no window manager runs and the processors are taken, Qt 5.15 loses X's word that a new window is mapped (seen
    in one window of five with four busy processes on two cores, and in one of twelve of plain OpenCV), and then
    paints that window never: only another one helps.
    """
    for _ in range(3):
        with window(display) as (process, _):
            if comes_true(lambda: has_colour(display.screenshot(), GREEN), within_s=10):
                yield process
                return
    pytest.fail("none of three windows showed its picture")


def has_colour(image_rgb: np.ndarray, colour_rgb: tuple[int, int, int]) -> bool:
    return int((np.abs(image_rgb.astype(int) - colour_rgb).max(axis=2) < 12).sum()) > 300


def test_without_a_display_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    with pytest.raises(DeviceError) as caught:
        require_display()
    assert str(caught.value) == (
        "a window can't be shown: there is no display (DISPLAY isn't set): leave --show out, or use --save, "
        "or run it where there is one"
    )


def test_a_display_that_does_not_answer_is_one_line_and_not_the_end_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Qt calls abort() there, so it's asked in a process of its own."""
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(DeviceError, match=r"can't be shown: .*could not connect to display :4711: let DISPLAY name"):
        require_display()
    assert cv2.__version__


@pytest.mark.parametrize(
    ("returncode", "stderr", "problem"),
    [
        (0, "some noise", None),
        (-6, "", "exit status -6"),
        (
            1,
            "Traceback (most recent call last):\n  File\nImportError: libGL.so.1: no such file\n",
            "ImportError: libGL.so.1: no such file",
        ),
        (
            -6,
            'qt.qpa.plugin: Could not load the Qt platform plugin "xcb" in "".\nmore\n',
            'qt.qpa.plugin: Could not load the Qt platform plugin "xcb" in "": run \'apt-get install libsm6 libxext6\'',
        ),
    ],
)
def test_why_a_window_cannot_be_opened(returncode: int, stderr: str, problem: str | None) -> None:
    assert judge_probe(returncode, stderr) == problem
