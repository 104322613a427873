"""What a person reads who typed a word that no command knows."""

from __future__ import annotations

import subprocess
import sys

import pytest


def tlx(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--colour"], "no such option: --colour (see 'tlx -h')"),
        (["clasify", "model.onnx"], "no such command 'clasify'"),
        (["bench", "--formats"], "no such option: --formats"),
        (["bench", "--rounds", "many"], "invalid value for '--rounds'"),
        (["bench", "compare", "a.json"], "missing argument"),
        (["classify", "--fps"], "(see 'tlx classify -h')"),
        (["bench", "--rounds"], "requires an argument (see 'tlx bench -h')"),
        (["bench", "compare", "--format"], "requires an argument (see 'tlx bench compare -h')"),
        (["--version=1"], "(see 'tlx -h')"),
    ],
)
def test_a_wrong_word_is_one_line_that_names_the_help(words: list[str], line: str) -> None:
    done = tlx(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tlx: error: ")
    assert line in done.stderr
    assert done.stderr.endswith(" -h')\n")
    assert done.stderr.count("\n") == 1


def test_without_any_word_it_is_the_help() -> None:
    done = tlx()
    assert "Usage: tlx [OPTIONS] COMMAND" in done.stdout + done.stderr
    assert "error" not in done.stderr
