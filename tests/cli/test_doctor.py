"""``tlx doctor`` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TLX = str(Path(sys.executable).with_name("tlx"))


def doctor(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TLX, "doctor", *arguments], capture_output=True, text=True, timeout=120, check=False, **options
    )


def test_text_names_packages_providers_and_disks(tmp_path: Path) -> None:
    done = doctor(env=os.environ | {"TLX_CACHE": str(tmp_path / "cache")})
    assert done.returncode == 0, done.stderr
    assert "CPUExecutionProvider       works, as --device cpu" in done.stdout
    # Each device is named, with what to install where it isn't there.
    assert "for --device openvino: pip uninstall" in done.stdout or "as --device openvino" in done.stdout
    assert "for --device trt: pip install" in done.stdout or "as --device trt" in done.stdout
    assert "numpy " in done.stdout
    assert f"in {tmp_path / 'cache'}" in done.stdout
    assert "to mend" in done.stdout


def test_json_is_one_object_and_nothing_else_is_said(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(1000))
    done = doctor("--format", "json", env=os.environ | {"TLX_CACHE": str(tmp_path)})
    assert done.returncode == 0
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["cache"]["used_bytes"] == 1000
    cpu = next(provider for provider in document["providers"] if provider["name"] == "CPUExecutionProvider")
    assert cpu["works"] is True


def test_doctor_loads_no_training_framework() -> None:
    code = (
        "import sys; from tlx.cli.app import run; code = run(['doctor', '-f', 'json']);"
        "print(sorted({'tensorflow', 'keras', 'tf2onnx', 'onnx', 'matplotlib'} & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
