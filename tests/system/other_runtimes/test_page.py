"""The page's example for OpenVINO is what the tests run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.other_runtimes.environments import OPENVINO, python_with

if TYPE_CHECKING:
    from tests.system.other_runtimes.conftest import Case

PAGE = Path(__file__).parents[3] / "docs" / "other-runtimes.md"
HOUSE = PAGE.parents[1]


@pytest.mark.runtimes
def test_the_pages_openvino_example_prints_the_labels(case: Case, tmp_path: Path) -> None:
    shutil.copy(case.model, tmp_path / "model.onnx")
    shutil.copy(case.pixels, tmp_path / "pixels.npy")
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "openvino" in block
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(python_with(OPENVINO)), "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.replace("'", '"')) == case.labels


def test_the_page_names_the_versions_that_the_tests_run() -> None:
    text = PAGE.read_text()
    web = json.loads((HOUSE / "examples" / "browser" / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    assert f"OpenVINO {OPENVINO[0].partition('==')[2]} " in text
    assert text.count(f"onnxruntime-web {web} ") == 2
