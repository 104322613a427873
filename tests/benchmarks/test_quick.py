"""The one command for all benchmarks, on made-up photos."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_a_quick_run_leaves_results_and_a_table(tmp_path: Path) -> None:
    wanted = ("finetune_step", "cold_start", "overhead_video_fp32", "bench", "bench_overhead")
    command = [sys.executable, str(BENCHMARKS / "all.py"), "--quick", "--results", str(tmp_path), "--only", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert {path.stem for path in folder.glob("*.json")} == {*wanted, "export"}
    document = json.loads((folder / "bench.json").read_text())
    assert any(row["name"].startswith("onnxruntime") for row in document["engines"])
    assert "models/fp32.onnx" in document["command"]
    page = (tmp_path / "README.md").read_text()
    assert "training step from the cache" in page
    assert "### Engines of `tlx bench`" in page
