"""What the progress of long work leaves where stderr is a file."""

from __future__ import annotations

import pytest

from tlx.cli.terminal import progress_bar


def test_each_stage_leaves_a_line_each_time_that_it_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as progress:
        for view in (1, 2):
            for done in (32, 64, 64):
                progress("asking the original", done, 64, f"view {view}")
        progress("judging", 32, 64)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["asking the original: 64/64"] * 2
    assert [line[-8:] for line in lines] == ["(view 1)", "(view 2)"]
