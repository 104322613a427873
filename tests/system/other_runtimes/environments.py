"""Environments with other runtimes, made once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from tlx.cache import cache_folder

# The oldest wheels of ONNX Runtime that there are for each Python, and a NumPy that they were built for.
OLDEST_ONNXRUNTIME = {
    (3, 11): ("onnxruntime==1.15.1", "numpy==1.26.4"),
    (3, 12): ("onnxruntime==1.17.0", "numpy==1.26.4"),
    (3, 13): ("onnxruntime==1.20.0", "numpy==2.1.3"),
}
OPENVINO = ("openvino==2026.4.1", "numpy==2.4.6")


def python_with(requirements: Sequence[str]) -> Path:
    """The interpreter of an environment with exactly these packages; skips the test where they can't be had."""
    folder = _kept("venv", " ".join((sys.version, *requirements)))
    python = folder / "bin" / "python"
    if not python.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "venv"
            venv.create(made, symlinks=True)
            # The packages themselves and nothing else: their dependencies serve tools that aren't used here.
            pip = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install"]
            _fetch([*pip, "--quiet", "--no-deps", "--only-binary=:all:", "--no-compile", *requirements])
            made.rename(folder)
    return python


def node_modules(package: Path) -> Path:
    """``node_modules`` as a folder's package-lock.json says; skips the test without Node.js or packages."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js and npm aren't here")
    folder = _kept("npm", (package / "package-lock.json").read_text())
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "npm"
            made.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(package / name, made)
            _fetch(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(made)])
            made.rename(folder)
    return folder / "node_modules"


def _kept(kind: str, content: str) -> Path:
    folder = cache_folder() / "test-runtimes" / f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder


def _fetch(command: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        pytest.skip(f"the packages can't be fetched: {last}")
