"""``tlx compress`` as a person runs it: a real process, its exit code, its lines, what it leaves behind."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.narrow_networks import quicken

from tlx.cli import app
from tlx.core.compress.summary import headline
from tlx.core.runs import finished_runs, open_run, write_record
from tlx.runtime.model_file import ModelFile

if TYPE_CHECKING:
    from tlx.core.runs import Run

TLX = [sys.executable, "-m", "tlx.cli.app"]
QUICK = ("--minutes", "0.1", "--precision", "fp32", "--threads", "1")


def run_tlx(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TLX_CACHE": str(folder / "cache")}
    command = [*TLX, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def workplace(narrow_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run ``narrow`` in ``my runs``."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(narrow_run.folder, folder / "my runs" / "narrow")
    return folder


@pytest.fixture(scope="module")
def done(workplace: Path) -> subprocess.CompletedProcess[str]:
    """A compression in a process of its own."""
    return run_tlx("compress", "--runs", "my runs", "--speedup", "1.3", *QUICK, folder=workplace)


def test_compress_makes_a_run_and_names_the_next_command(
    workplace: Path, done: subprocess.CompletedProcess[str]
) -> None:
    assert done.returncode == 0, done.stderr
    made = open_run("latest", workplace / "my runs")
    record = made.record.compression
    assert record is not None
    assert done.stdout == f"my runs/{made.folder.name}: {headline(record)}\n"
    lines = done.stderr.splitlines()
    assert lines[-1] == "Next: tlx export model.onnx --runs 'my runs'"
    assert lines[-2] == f"report: my runs/{made.folder.name}/report.html"
    assert not any("WARNING" in line for line in lines)
    assert any(line.startswith("layer ") for line in lines)
    assert any(line.startswith("looking at layers: 13/13 in ") for line in lines)
    assert any(line.endswith(" % right before it learned anything") for line in lines)
    assert {path.name for path in workplace.iterdir()} == {"cache", "my runs"}


def test_what_it_made_is_exported_as_int8_and_evaluated(
    workplace: Path,
    done: subprocess.CompletedProcess[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del done
    monkeypatch.chdir(tmp_path)
    made = open_run("latest", workplace / "my runs")
    # The tiny network isn't faster for it. Its fp32 file has to pass parity first.
    export = ["export", "model.onnx", "--run", str(made.folder), "--precision", "int8", "--skip-speed-gate"]
    assert app.run(export) == 0, capsys.readouterr().err
    assert ModelFile.read(tmp_path / "model.onnx").contract.precision == "int8"
    assert "parity with Keras at fp32: same label on 24 of 24 photos" in capsys.readouterr().out
    assert app.run(["evaluate", str(made.folder), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["accuracy"] == pytest.approx(made.record.result.validation_accuracy)


def tlx(*arguments: str | Path) -> int:
    """In this process: most of another one's time is TensorFlow's start."""
    return app.run(["compress", *map(str, arguments)])


def error_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    errors = [line for line in lines if line.startswith("tlx: ")]
    assert errors == lines[-1:], stderr
    assert "Traceback" not in stderr
    return errors[0]


@pytest.fixture
def in_folder(tmp_path: Path, narrow_run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is in a folder with a run ``narrow`` in ``runs``."""
    shutil.copytree(narrow_run.folder, tmp_path / "runs" / "narrow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "cache"))
    quicken(monkeypatch)
    return tmp_path


def test_json_is_one_object(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tlx("narrow", "--latency-ms", "50", *QUICK, "--format", "json", "--quiet", "--seed", "3") == 0
    said = capsys.readouterr()
    assert said.err == ""
    document = json.loads(said.out)
    made = open_run(document.pop("run"))
    assert made.folder.parent == Path("runs")
    assert made.record.compression is not None
    assert document == made.record.compression.model_dump(mode="json")
    assert document["bounds"] == {"latency_ms": 50}
    assert len(finished_runs(in_folder / "runs")) == 2


def test_a_drop_that_is_not_kept_ends_with_1(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tlx.core.compress import compress as compress_module
    from tlx.core.compress.course import Course

    # Uphill, it learns what's wrong.
    monkeypatch.setattr(compress_module, "Course", functools.partial(Course, learning_rate=-0.02, passes=2))
    assert tlx("narrow", "--latency-ms", "50", "--max-drop", "0.5", *QUICK) == 1
    said = capsys.readouterr()
    assert said.out == ""
    line = error_line(said.err)
    assert "points on the photos kept for the choice, allowed are 0.5: ask for less speed, allow more, or give" in line
    assert [path.name for path in (in_folder / "runs").iterdir()] == ["narrow"]


def test_a_drop_that_the_last_word_does_not_confirm_ends_with_1_and_leaves_the_run(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tlx.core.compress import compress as compress_module
    from tlx.core.compress.course import Course
    from tlx.core.compress.judging import Choice, Judge

    # Uphill, it learns what's wrong, and the photos for the choice don't show it.
    monkeypatch.setattr(compress_module, "Course", functools.partial(Course, learning_rate=-0.02, passes=2))
    monkeypatch.setattr(Judge, "chosen", lambda judge, network: Choice(1.0, 1.0, 0.0))  # noqa: ARG005
    assert tlx("narrow", "--latency-ms", "50", "--max-drop", "0.5", *QUICK) == 1
    said = capsys.readouterr()
    line = error_line(said.err)
    assert (
        "points, at most 0.5 were asked for. The validation photos that have the last word refused network 1 (" in line
    )
    assert "The run runs/" in line
    assert line.endswith("is kept")
    assert len(finished_runs(in_folder / "runs")) == 2
    compression = open_run("latest", in_folder / "runs").record.compression
    assert compression is not None
    (kept,) = (point for point in compression.points if point.kept)
    refused = [point.refused_drop_points for point in compression.points if point.refused_drop_points is not None]
    assert kept.refused_drop_points == min(refused) == compression.drop_points


def test_what_the_original_does_itself_in_eight_bits_is_not_taught_anew(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tlx.core.compress.design import Design, Designer

    def every_channel(designer: Designer, limit_ms: float) -> Design:
        layers = designer._base.convolutions
        return Design((32, 32), tuple(layer.outputs for layer in layers), False, (0.0,) * len(layers), limit_ms, 0.0)

    # So narrow a network has channels that cost nothing; VGG16's don't.
    monkeypatch.setattr(Designer, "within", every_channel)
    assert tlx("narrow", "--latency-ms", "50", "--minutes", "0.1", "--threads", "1", "--precision", "int8") == 2
    line = error_line(capsys.readouterr().err)
    assert 'narrow is as fast as that itself in eight bits: run "tlx export model.onnx --precision int8"' in line
    assert [path.name for path in (in_folder / "runs").iterdir()] == ["narrow"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["narrow"], "needs to know what you want: --speedup 12, --latency-ms 3 or --max-drop 0.5"),
        (["narrow", "--speedup", "1"], "--speedup 1: expected more than 1"),
        (["narrow", "--speedup", "nan"], "--speedup nan: expected more than 1"),
        (["narrow", "--speedup", "2", "--minutes", "nan"], "--minutes nan: expected a number above 0"),
        (["narrow", "--speedup", "2", "--minutes", "inf"], "--minutes inf: expected a number above 0"),
        (["narrow", "--speedup", "2", "--minutes", "-1"], "--minutes -1: expected a number above 0"),
        (["narrow", "--speedup", "2", "--minutes", "0"], "--minutes 0: expected a number above 0"),
        (["narrow", "--speedup", "2", "--cache-gb", "inf"], "--cache-gb inf: expected a number above 0"),
        (["narrow", "--max-drop", "101"], "--max-drop 101: expected points from 0 to 100"),
        (["absent", "--speedup", "2"], "absent: no such run"),
        (["runs/narrow/run.json", "--speedup", "2"], "runs/narrow/run.json: is a file, expected a run"),
        (["--runs", "nowhere", "--speedup", "2"], "no finished run in nowhere/"),
        (["narrow", "--speedup", "2", "--size", "64"], "--size 64: expected 32 to 32 pixels"),
    ],
)
@pytest.mark.usefixtures("in_folder")
def test_what_can_not_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    assert tlx(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in error_line(said.err)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["narrow"]


def test_photos_that_are_gone_are_named_in_one_line(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run("narrow")
    data = run.record.data.model_copy(update={"root": str(in_folder / "gone")})
    write_record(run.folder, run.record.model_copy(update={"data": data}))
    assert tlx("narrow", "--speedup", "2") == 2
    line = error_line(capsys.readouterr().err)
    assert str(in_folder / "gone") in line
    assert "compression learns from the photos that the run was trained on" in line


def test_the_help_has_an_example_and_tells_what_speed_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert tlx("--help") == 0
    text = capsys.readouterr().out
    assert "tlx compress latest --max-drop 0.5" in text
    assert "against the fp32 file of the run itself" in " ".join(text.split())
    for option in (
        "--speedup",
        "--latency-ms",
        "--max-drop",
        "--minutes",
        "--precision",
        "--size",
        "--threads",
        "--seed",
    ):
        assert option in text


@pytest.mark.parametrize(
    ("after", "signum", "end"),
    [
        ("looking at layers: ", signal.SIGTERM, (143, "tlx: terminated")),
        (" % right before it learned anything", signal.SIGINT, (130, "tlx: interrupted")),
    ],
)
def test_a_process_that_is_stopped_says_one_line_and_leaves_nothing(
    tmp_path: Path, narrow_run: Run, after: str, signum: signal.Signals, end: tuple[int, str]
) -> None:
    (tmp_path / "tmp").mkdir()
    arguments = (narrow_run.folder, "--runs", tmp_path / "runs", "--latency-ms", "50", "--minutes", "10", *QUICK[2:])
    process = subprocess.Popen(
        [*TLX, "compress", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TLX_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp")},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if after in line:
            break
    process.send_signal(signum)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr.splitlines()[-1:]) == (end[0], [end[1]])
    assert "Traceback" not in stderr
    assert list((tmp_path / "runs").iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []
