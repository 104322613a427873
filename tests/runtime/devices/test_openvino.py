"""OpenVINO through ONNX Runtime, really: in an environment of its own, as two of its wheels can't be in one."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.system.other_runtimes.environments import python_with

from tlx.runtime.classifier import Classifier

REQUIREMENTS = ("onnxruntime-openvino==1.24.1",)
SCRIPT = Path(__file__).with_name("openvino_session.py")
ROOT = Path(__file__).parents[3] / "runtime"


def run_openvino(model: Path, pixels: Path, device: str) -> dict[str, Any]:
    packages = sysconfig.get_path("purelib")
    command = [str(python_with(REQUIREMENTS)), "-P", str(SCRIPT), packages, str(model), str(pixels), device]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # its own lines are kept off the terminal
    return dict(json.loads(done.stdout))


@pytest.mark.runtimes
def test_openvino_gives_the_cpus_answers(busy_model: Path, tmp_path: Path) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pictures)
    answer = run_openvino(busy_model, tmp_path / "pixels.npy", "openvino")
    assert answer["device"] == "openvino"
    assert answer["providers"] == ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    assert answer["note"] is None  # nothing was left to the CPU
    expected = [one.probabilities for one in Classifier.load(busy_model, "cpu").classify_batch(list(pictures))]
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)


@pytest.mark.runtimes
@pytest.mark.parametrize(("device", "ran"), [("auto", "cpu"), ("trt", None)])
def test_auto_never_takes_it_and_it_is_no_tensorrt(
    tiny_model: Path, tmp_path: Path, device: str, ran: str | None
) -> None:
    np.save(tmp_path / "pixels.npy", np.zeros((1, 32, 32, 3), np.uint8))
    answer = run_openvino(tiny_model, tmp_path / "pixels.npy", device)
    assert answer.get("device") == ran
    assert answer.get("exit_code") == (None if ran else 3)
