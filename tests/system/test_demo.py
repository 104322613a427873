"""``tlx demo`` as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.core.weights.chain import PretrainedWeights
from tlx.demo.photographs import LABELS, read_photographs, write_tiles
from tlx.runtime.classifier import Classifier


def _tlx(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tlx")), *arguments]
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.weights
def test_demo_runs_the_whole_chain_over_what_an_earlier_one_left(
    tmp_path: Path, imagenet_weights: PretrainedWeights
) -> None:
    assert imagenet_weights.is_imagenet
    write_tiles(read_photographs(), tmp_path / "demo" / "photos")
    (tmp_path / "demo" / "model.onnx").write_text("old")

    result = _tlx("demo", "--bench-seconds", "4", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert "same label on 48 of 48 tiles" in result.stdout
    assert "check the plumbing" in result.stdout
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    engines = json.loads((tmp_path / "demo" / "bench.json").read_bytes())["engines"]
    assert {engine["name"] for engine in engines} >= {"keras.predict", "onnxruntime.cpu.fp32"}
    assert all(engine["p50_ms"] > 0 for engine in engines)
    assert Classifier.load(tmp_path / "demo" / "model.onnx", device="cpu").contract.labels == list(LABELS)


def test_demo_refuses_a_folder_with_photos_of_somebody_else(tmp_path: Path) -> None:
    photo = tmp_path / "mine" / "photos" / "holiday.jpg"
    photo.parent.mkdir(parents=True)
    photo.touch()
    result = _tlx("demo", "--output", "mine", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("tlx: error: mine/photos: holds 1 files that aren't the demo's")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [photo]
