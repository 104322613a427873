"""``tlx models`` as a person runs it, and the other commands on a models folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter
    from tests.tiny_models import ModelMaker


def run_tlx(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def shas(make_model: ModelMaker, tmp_path: Path) -> list[str]:
    """Of the two versions in ``models/``; the second is current."""
    models = [ModelFile.parse(make_model(labels=labels), "model") for labels in ("rgb", "xyz")]
    for model in models:
        publish(tmp_path / "models", model)
    return [model.sha256 for model in models]


def test_listing_rolling_back_and_choosing(shas: list[str], tmp_path: Path) -> None:
    listed = run_tlx("models", folder=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "Next: tlx info models\n")
    head, *rows = listed.stdout.splitlines()
    assert head.split() == ["version", "made", "precision", "accuracy", "MB"]
    marks = {row.split()[-1]: row for row in rows}
    assert marks["current"].split()[:4] == ["*", shas[1][:12], "-", "fp32"]
    assert marks["here"].split()[0] == shas[0][:12]
    rolled = run_tlx("models", "models/", "--rollback", folder=tmp_path)
    assert rolled.stdout == f"{shas[0][:12]} is current now; before, it was {shas[1][:12]}\n"
    assert rolled.stderr == "Next: tlx models models\n"
    again = run_tlx("models", "models/", "--rollback", folder=tmp_path)
    assert again.returncode == 2
    assert len(again.stderr.splitlines()) == 1
    chosen = run_tlx("models", "models/", "--use", shas[1][:6], "--format", "json", "--quiet", folder=tmp_path)
    assert (chosen.returncode, chosen.stderr) == (0, "")
    assert json.loads(chosen.stdout)["current"] == shas[1]


def test_adding_a_file_on_the_device(shas: list[str], tiny_model: Path, tmp_path: Path) -> None:
    added = run_tlx("models", "models", "--add", tiny_model, "--quiet", folder=tmp_path)
    sha256 = ModelFile.read(tiny_model).sha256
    assert added.stdout == f"{sha256[:12]} is current now; before, it was {shas[1][:12]}\n"
    (tmp_path / "bad.onnx").write_bytes(tiny_model.read_bytes()[:-1])
    refused = run_tlx("models", "models", "--add", "bad.onnx", folder=tmp_path)
    assert refused.returncode == 2
    assert ModelFile.read(tmp_path / "models").sha256 == sha256


def test_other_commands_take_a_models_folder(tmp_path: Path, tiny_model: Path, write_photo: PhotoWriter) -> None:
    model = ModelFile.read(tiny_model)
    publish(tmp_path / "models", model)
    write_photo(tmp_path / "photo.jpg")
    classified = run_tlx("classify", "models/", "photo.jpg", "--format", "json", folder=tmp_path)
    assert classified.returncode == 0, classified.stderr
    assert json.loads(classified.stdout)["label"] == "red"
    described = run_tlx("info", "models/", "--format", "json", folder=tmp_path)
    assert json.loads(described.stdout)["sha256"] == model.sha256


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "absent"], "absent: not a models folder: make one with 'tlx export --to absent'"),
        (["models", "models", "--use", "zz"], "no version begins with 'zz'; there are: "),
        (["models", "models", "--rollback", "--use", "a"], "expected one of --rollback, --use and --add, got more"),
        (["models", "models", "--add", "absent.onnx"], "absent.onnx: no such model file"),
        (["export"], "expected a file to write (model.onnx) or a models folder (--to models/), got neither"),
        (["export", "model.onnx", "--to", "models"], "(--to models/), got both"),
    ],
)
@pytest.mark.usefixtures("shas")
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run_tlx(*arguments, folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert message in line
