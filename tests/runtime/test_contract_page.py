"""The examples of docs/contract.md do what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"
READ, LABEL, DIGEST = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a Python without the tlx of this checkout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-I", "-c", f"{code}\nimport sys\nassert 'tlx' not in sys.modules"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(tiny_model.read_bytes())
    np.save(tmp_path / "pixels.npy", np.full((32, 32, 3), (10, 200, 10), np.uint8))
    return tmp_path


def test_three_lines_read_the_contract(folder: Path) -> None:
    assert len(list(filter(None, READ.splitlines()))) == 3
    done = run(f"{READ}\nprint(contract['labels'])", folder)
    assert (done.stdout, done.stderr) == ("['red', 'green', 'blue']\n", "")


def test_the_next_lines_give_a_label(folder: Path) -> None:
    done = run(READ + LABEL, folder)
    assert (done.stdout, done.stderr) == ("green\n", "")


def test_ten_lines_check_the_digest(folder: Path) -> None:
    assert len(list(filter(None, DIGEST.splitlines()))) <= 10
    done = run(DIGEST, folder)
    assert (done.returncode, done.stderr) == (0, "")
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content.replace(b'"green"', b'"greem"'))
    done = run(DIGEST, folder)
    assert (done.returncode, done.stderr) == (1, "model.onnx was damaged or changed after its export\n")
