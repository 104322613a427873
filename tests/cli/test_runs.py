"""``tlx runs`` as a person runs it: a real process, its exit code, its lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tlx.core.runs import Run


def run_tlx(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", *map(str, arguments)]
    # Nobody's terminal decides the width.
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def two_runs(tiny_run: Run, tmp_path: Path) -> Path:
    """The folder that holds ``runs/first`` and ``runs/second``."""
    for name, created in (("first", "2026-01-30T00:00:00+00:00"), ("second", "2026-01-31T00:00:00+00:00")):
        shutil.copytree(tiny_run.folder, tmp_path / "runs" / name)
        document = json.loads((tmp_path / "runs" / name / "run.json").read_bytes())
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps(document | {"created_utc": created}))
    return tmp_path


def test_the_list_ends_with_the_newest(two_runs: Path) -> None:
    (two_runs / "runs" / "cut off").mkdir()
    (two_runs / "runs" / "cut off" / "training.json").write_text("{}")
    (two_runs / "runs" / "first" / "model.keras").unlink()
    result = run_tlx("runs", folder=two_runs)
    assert result.returncode == 0, result.stderr
    head, second, unfinished, damaged = result.stdout.splitlines()
    assert head.split()[:2] == ["run", "date"]
    assert second.split()[:3] == ["second", "2026-01-31", "features"]
    assert unfinished == "unfinished: tlx train --resume 'cut off'"
    assert damaged.startswith("damaged: first: the run has no model.keras")
    assert result.stderr == "Next: tlx evaluate second\n"


def test_two_runs_are_compared(two_runs: Path) -> None:
    result = run_tlx("runs", "first", "latest", folder=two_runs)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[:2] == ["A  first", "B  second"]
    assert result.stderr == "Next: tlx export model.onnx --run runs/first\n"
    assert run_tlx("runs", folder=two_runs).stderr == "Next: tlx runs first second\n"


def test_json_is_one_object(two_runs: Path) -> None:
    listed = run_tlx("runs", "--format", "json", "--quiet", folder=two_runs)
    assert (listed.returncode, listed.stderr) == (0, "")
    document = json.loads(listed.stdout)
    assert (document["schema"], [run["name"] for run in document["finished"]]) == (1, ["first", "second"])
    compared = run_tlx("runs", "first", "second", "--format", "json", "--quiet", folder=two_runs)
    assert (compared.returncode, compared.stderr) == (0, "")
    document = json.loads(compared.stdout)
    assert (document["schema"], document["a"]["name"], document["b"]["name"]) == (1, "first", "second")
    assert document["same_data"] is True


def test_no_runs_is_one_helpful_line(tmp_path: Path) -> None:
    result = run_tlx("runs", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "no runs in runs/: run 'tlx train DATA' first\n"
    result = run_tlx("runs", "--format", "json", folder=tmp_path)
    assert json.loads(result.stdout)["finished"] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["first"], "expected no run or two to compare, got 1 ('tlx info first' shows one)"),
        (["first", "second", "third"], "expected no run or two to compare, got 3"),
        (["first", "absent"], "absent: no such run"),
        (["first", "open"], "open: its training isn't finished: 'tlx train --resume open' goes on"),
        (["--runs", "file"], "file: expected a folder of runs, can't list it"),
    ],
)
def test_bad_input_is_one_line(two_runs: Path, arguments: list[str], message: str) -> None:
    (two_runs / "file").touch()
    (two_runs / "runs" / "open").mkdir()
    (two_runs / "runs" / "open" / "training.json").write_text("{}")
    result = run_tlx("runs", *arguments, folder=two_runs)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("tlx: error: ")
    assert message in line
