"""``tlx train`` as a person runs it: a real process, its exit code, its lines, what it leaves behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.compression_records import ORIGINAL, made_up_compression

from tlx.core.runs import write_record

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

    from tlx.core.runs import Run


def run_tlx(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TLX_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "tlx.cli.app", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def error_line(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of the error; anything else on stderr would be a defect."""
    lines = result.stderr.strip().splitlines()
    errors = [line for line in lines if line.startswith("tlx: ")]
    assert errors == lines[-1:], result.stderr
    assert "Traceback" not in result.stderr
    return errors[0]


def test_train_makes_a_run_and_names_the_next_command(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "my photos", {"red": 10, "blue": 10})
    (tmp_path / "my photos" / "red" / "0.jpg").write_bytes(b"")
    result = run_tlx("train", "my photos", "--weights", "none", "--size", "32", "--epochs", "1", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert result.stdout.startswith(f"runs/{run.name}: validation accuracy ")
    assert len(result.stdout.splitlines()) == 1
    lines = result.stderr.splitlines()
    assert lines[-1] == "Next: tlx export model.onnx"
    assert any(line.startswith("left out: ") and "0.jpg" in line for line in lines)
    assert any(line.startswith("computing features: ") for line in lines)
    assert any(line.startswith("report: runs/") for line in lines)


def test_the_next_command_finds_the_run_in_another_folder(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 5, "blue": 5})
    quick = ("--preset", "features", "--weights", "none", "--size", "32", "--epochs", "1")
    result = run_tlx("train", "photos", *quick, "--runs", "my runs", folder=tmp_path)
    assert result.stderr.splitlines()[-1] == "Next: tlx export model.onnx --runs 'my runs'"


def test_quiet_says_nothing_but_the_result(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 5, "blue": 5})
    result = run_tlx("train", "photos", "--weights", "none", "--size", "32", "--epochs", "1", "-q", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        (None, [], "photos: no such folder: name a folder that holds one folder of photos for each class"),
        ({"red": 3}, [], "expected at least 2 folders of photos, one for each class, found only 'red'"),
        ({}, [], "expected at least 2 folders of photos, one for each class, found none"),
        ({"red": 3, "blue": 3}, ["--preset", "best"], "no preset 'best': expected one of default, features, book-"),
        ({"red": 3, "blue": 3}, ["--from", "latest"], "no finished run in runs/: run 'tlx train DATA' first"),
        ({"red": 3, "blue": 3}, ["--weights", "absent.h5"], "absent.h5"),
        ({"red": 3, "blue": 3}, ["--size", "16"], "VGG16 needs at least 32 pixels"),
        ({"red": 3, "blue": 3}, ["--runs", "/proc/runs"], "/proc/runs"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, make_photos: PhotoMaker, counts: dict[str, int] | None, options: list[str], message: str
) -> None:
    if counts is not None:
        (tmp_path / "photos").mkdir()
        make_photos(tmp_path / "photos", counts)
    result = run_tlx("train", "photos", *options, folder=tmp_path)
    assert result.returncode == 2
    assert message in error_line(result)
    assert result.stdout == ""
    assert not list((tmp_path / "runs").glob("*"))


def test_all_photos_corrupt_is_one_line(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 3, "blue": 3})
    for path in (tmp_path / "photos").rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:200])
    result = run_tlx("train", "photos", folder=tmp_path)
    assert result.returncode == 2
    assert "none of its 6 photos can be read" in error_line(result)


def test_show_config_prints_a_file_that_config_takes(tmp_path: Path) -> None:
    shown = run_tlx("train", "--preset", "book-r", "--unfreeze-from", "block4_conv1", "--show-config", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    (tmp_path / "mine.toml").write_text(shown.stdout)
    again = run_tlx("train", "--config", "mine.toml", "--show-config", folder=tmp_path)
    assert again.stdout == shown.stdout
    assert 'unfreeze_from = "block4_conv1"' in again.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "tlx train needs DATA"),
        (["photos", "--unfreeze-from", "conv5"], "unfreeze_from: expected one of block1_conv1, "),
        (["--resume", "--epochs", "3", "--size", "64"], "leave out --epochs, --size"),
        (
            ["--resume", "--seed", "3", "--balance", "--strict", "--weights", "none", "--show-config"],
            "leave out --weights, --seed, --balance, --strict, --show-config",
        ),
        (["--resume"], "nothing to resume"),
        (["photos", "--config", "absent.toml"], "absent.toml"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    result = run_tlx("train", *options, folder=tmp_path)
    assert result.returncode == 2
    assert message in error_line(result)


@pytest.mark.parametrize("options", [["colours", "--from", "small"], ["--resume", "small"]])
def test_a_compressed_run_is_not_trained_on(tiny_run: Run, tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "runs" / "small"
    shutil.copytree(tiny_run.folder, folder)
    write_record(folder, tiny_run.record.model_copy(update={"name": "small", "compression": made_up_compression()}))
    (tmp_path / "colours").symlink_to(tiny_run.record.data.root)
    result = run_tlx("train", *options, folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    line = error_line(result)
    assert f"small is {ORIGINAL} made smaller and not VGG16's shape any more" in line
    assert line.endswith("train the original, then compress again")
    assert [run.name for run in (tmp_path / "runs").iterdir()] == ["small"]
