"""``tlx verify`` as a user runs it on a device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker

TRAINING_PACKAGES = ("tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "scipy", "matplotlib", "skimage", "h5py")


def tlx_verify(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", "verify", *map(str, arguments)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=variables)


def test_verify_needs_only_what_an_edge_install_has(tiny_model: Path, busy_model: Path, tmp_path: Path) -> None:
    # None in sys.modules: as if it weren't installed.
    absent = f"import sys; sys.modules.update(dict.fromkeys({TRAINING_PACKAGES!r}))"
    (tmp_path / "sitecustomize.py").write_text(absent)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    arguments = ("--against", busy_model, "--device", "cpu", "--max-seconds", 0)
    done = tlx_verify(tiny_model, *arguments, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    names = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert names == ["file", "sha256", "precision", "its record", "here", "known answers", "speed"]
    assert done.stderr.splitlines()[-1] == f"Next: tlx classify {tiny_model} PHOTO_OR_FOLDER"


def test_verify_exits_1_when_the_file_is_not_faster(tiny_model: Path, busy_model: Path) -> None:
    done = tlx_verify(busy_model, "--against", tiny_model, "-d", "cpu", "-f", "json", "--quiet", "--max-seconds", 0)
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["passed"] is False
    assert document["speed"]["ratio_high"] < 1.1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tlx: error: {busy_model}: not fast enough here: 0.")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["gone.onnx"], 2, "gone.onnx: no such model file"),
        (["damaged.onnx"], 2, "damaged or changed after its export"),
        (["two.onnx", "--against", "three.onnx"], 2, "knows the labels"),
        (["two.onnx", "--device", "gpu"], 3, "--device gpu"),
    ],
)
def test_verify_says_in_one_line_what_can_not_be(
    make_model: ModelMaker, tmp_path: Path, arguments: list[str], exit_code: int, words: str
) -> None:
    content = make_model()
    (tmp_path / "three.onnx").write_bytes(content)
    (tmp_path / "two.onnx").write_bytes(make_model(labels=["cat", "dog"]))
    (tmp_path / "damaged.onnx").write_bytes(content[:700] + bytes([content[700] ^ 1]) + content[701:])
    named = [str(tmp_path / word) if word.endswith(".onnx") else word for word in arguments]
    done = tlx_verify(*named, CUDA_VISIBLE_DEVICES="-1")
    assert done.returncode == exit_code
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
