"""A compression on another of Keras's backends than TensorFlow, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.core.runs import open_run

if TYPE_CHECKING:
    from tests.core.compress.conftest import RunWriter


@pytest.mark.slow
def test_the_record_tells_on_what_it_learned(write_run: RunWriter, tmp_path: Path) -> None:
    run = write_run("few", preset="default")
    options = ("--latency-ms", "50", "--minutes", "0.05", "--precision", "fp32", "--threads", "1")
    done = subprocess.run(
        [sys.executable, "-m", "tlx.cli.app", "compress", run.folder, "--runs", tmp_path / "runs", *options],
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "TLX_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    environment = open_run(root=tmp_path / "runs").record.environment
    assert (environment["training_on"], environment["dtype"]) == ("keras on jax", "float32")
