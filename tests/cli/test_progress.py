"""What the progress of long work leaves, where stderr is a file and where it's a terminal."""

from __future__ import annotations

import io
import re

import pytest

from tlx.cli import terminal

STAGE = "asking the original"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell_twice() -> None:
    with terminal.progress_bar() as progress:
        for view in (1, 2):
            for done in (0, 64, 64):
                progress(STAGE, done, 64, f"view {view}")
        progress("judging", 0, 64)


def test_a_stage_leaves_a_line_each_time_that_it_is_complete(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_WORTH_A_LINE_S", 0.0)
    tell_twice()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in lines] == [f"{STAGE}: 64/64"] * 2
    assert [line[-8:] for line in lines] == ["(view 1)", "(view 2)"]


def test_what_comes_again_and_is_over_at_once_leaves_none(capsys: pytest.CaptureFixture[str]) -> None:
    tell_twice()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("(view 1)")


def test_on_a_terminal_the_bar_of_a_stage_that_comes_again_gets_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with terminal.progress_bar() as progress:
        for view in (1, 2):
            for done in (0, 63, 64):
                progress(STAGE, done, 64, f"view {view}")
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    last = {view: re.findall(rf"(\d+)/64 [^\r\n]*view {view}", drawn)[-1] for view in (1, 2)}
    assert last == {1: "64", 2: "64"}
