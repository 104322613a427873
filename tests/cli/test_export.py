"""``tlx export`` and ``tlx info`` as a person runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tlx.core.runs import Run


def run_tlx(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_export_and_info_end_to_end(tiny_run: Run, tmp_path: Path) -> None:
    exported = run_tlx("export", "model.onnx", "--run", tiny_run.folder, folder=tmp_path)
    assert exported.returncode == 0, exported.stderr
    size, parity = exported.stdout.splitlines()
    assert size.startswith("model.onnx: 59.")
    assert parity.startswith("parity with Keras: same label on 12 of 12 photos, largest difference")
    assert exported.stderr.splitlines()[-1].startswith("Next: tlx classify model.onnx ")
    text = run_tlx("info", "model.onnx", folder=tmp_path)
    assert "blue, red" in text.stdout
    assert "same label as Keras on 12 of 12 photos" in text.stdout
    document = json.loads(run_tlx("info", "model.onnx", "--format", "json", folder=tmp_path).stdout)
    assert document["contract"]["schema"] == 1
    assert document["contract"]["export"]["parity"]["labels_equal"] == 12


def test_int8_end_to_end(tiny_run: Run, tmp_path: Path) -> None:
    command = ("export", "model.onnx", "--run", tiny_run.folder, "--precision", "auto")
    skipped = ("--skip-parity-gate", "--skip-speed-gate")
    exported = run_tlx(*command, *skipped, folder=tmp_path)
    assert exported.returncode == 0, exported.stderr
    lines = exported.stdout.splitlines()
    assert lines[0].startswith("model.onnx: 14.9 MB")
    assert lines[1] == "parity with Keras: not measured (--skip-parity-gate), and the file says so"
    assert lines[3].split()[:2] == ["fp32", "59.4"]
    assert lines[4].startswith("int8 minmax  14.9")
    assert lines[4].endswith("  published")
    assert lines[5].startswith("accuracy: too few photos to tell: ")
    verified = run_tlx("verify", "model.onnx", "--device", "cpu", folder=tmp_path)
    assert verified.returncode == 0, verified.stderr
    refused = run_tlx(*command, *skipped, "--strict", "--precision", "int8", folder=tmp_path)
    assert refused.returncode == 1
    message = refused.stderr.splitlines()[-1]
    assert "--precision int8: int8 minmax: accuracy too few photos to tell: " in message
    assert message.endswith("the fp32 file, which is the better one, is in model.fp32.onnx")
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "model.fp32.onnx"}


def test_info_of_a_run_counts_as_the_book_does(tiny_run: Run, tmp_path: Path) -> None:
    text = run_tlx("info", tiny_run.folder, folder=tmp_path)
    assert text.returncode == 0, text.stderr
    assert "of them 14,714,688 in VGG16's convolutions" in text.stdout
    assert "weight tensors: 30, of them 4 were trained" in text.stdout
    document = json.loads(run_tlx("info", tiny_run.folder, "--format", "json", folder=tmp_path).stdout)
    assert document["run"]["trainable_tensors"] == [4, 30]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "model.onnx"], "no finished run in runs/: run 'tlx train DATA' first"),
        (["export", "model.onnx", "--run", "absent"], "absent: no such run"),
        (["info", "absent.onnx"], "absent.onnx"),
        (["info", "absent"], "absent: no such run"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run_tlx(*arguments, folder=tmp_path)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_its_photos_asks_for_others(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for path in tiny_run.folder.iterdir():
        content = path.read_bytes()
        if path.name == "run.json":
            document = json.loads(content)
            document["data"]["root"] = "/gone"
            content = json.dumps(document).encode()
        (tmp_path / "run" / path.name).write_bytes(content)
    result = run_tlx("export", "model.onnx", "--run", "run", folder=tmp_path)
    assert result.returncode == 2
    assert "name a folder of photos with --photos" in result.stderr
    assert not (tmp_path / "model.onnx").exists()
