"""``tlx info`` as a person runs it, on files and runs with and without a temperature."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter

    from tlx.contract import CalibrationRecord
    from tlx.core.runs import Run


def info(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "tlx.cli.app", "info", *map(str, arguments)]
    result = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def row(name: str, text: str) -> str | None:
    return next((line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(name)), None)


@pytest.fixture
def calibration() -> CalibrationRecord:
    from tlx.contract import CalibrationRecord

    return CalibrationRecord(temperature=1.75, photos=12, ece_before=0.1, ece_after=0.025)


EXPECTED = "temperature 1.750, fitted on 12 validation photos: calibration error 0.1000, with it 0.0250"


def test_a_run_shows_its_temperature(tiny_run: Run, calibration: CalibrationRecord, tmp_path: Path) -> None:
    from tlx.core.runs import write_record

    folder = tmp_path / "run"
    shutil.copytree(tiny_run.folder, folder)
    without = tiny_run.record.model_copy(update={"calibration": None})
    write_record(folder, without)
    assert row("calibration", info(folder)) is None
    write_record(folder, without.model_copy(update={"calibration": calibration}))
    assert row("calibration", info(folder)) == EXPECTED
    assert json.loads(info(folder, "--format", "json"))["run"]["calibration"] == calibration.model_dump()


def test_a_compressed_run_shows_what_it_came_from(tiny_run: Run, tmp_path: Path) -> None:
    from tests.core.compression_records import ORIGINAL, made_up_compression

    from tlx.core.compress.summary import compression_lines, headline, refusals
    from tlx.core.runs import write_record

    *points, last = made_up_compression().points
    points.append(last.model_copy(update={"refused_drop_points": 0.756}))
    folder, compression = tmp_path / "run", made_up_compression(points=points)
    shutil.copytree(tiny_run.folder, folder)
    write_record(folder, tiny_run.record.model_copy(update={"compression": compression}))
    text = info(folder)
    assert row("compressed", text) == headline(compression)
    assert row("started from", text) == ORIGINAL
    assert row("learning", text) == "12.5 min, 24.3 passes over the photos, seed 3"
    lines = [*compression_lines(compression), *refusals(compression)]
    assert text.splitlines()[-len(lines) :] == lines
    assert "refused network 8 (21.0 times as fast, 0.76 points lost)" in text
    assert row("compressed", info(tiny_run.folder)) is None


def test_a_file_shows_its_temperature(tiny_model: Path, calibration: CalibrationRecord, tmp_path: Path) -> None:
    import onnx

    from tlx.export.publish import sealed_bytes
    from tlx.runtime.model_file import ModelFile

    assert row("calibration", info(tiny_model)) is None
    contract = ModelFile.read(tiny_model).contract.model_copy(update={"calibration": calibration})
    path = tmp_path / "carried.onnx"
    path.write_bytes(sealed_bytes(onnx.load(tiny_model), contract))
    assert row("calibration", info(path)) == EXPECTED
    document = json.loads(info(path, "--format", "json"))
    assert document["contract"]["calibration"]["method"] == "temperature scaling"


def test_a_file_shows_what_its_export_measured(tiny_model: Path, tmp_path: Path) -> None:
    import onnx
    from tests.runtime.full_contract import full_contract

    from tlx.export.publish import sealed_bytes

    path = tmp_path / "full.onnx"
    path.write_bytes(sealed_bytes(onnx.load(tiny_model), full_contract()))
    assert row("latency", info(path)) == "8.6 ms for one picture on a processor (cpu, 2 threads)"
    assert json.loads(info(path, "--format", "json"))["contract"] == full_contract().to_dict()


@pytest.mark.parametrize("command", ["info", "classify"])
def test_a_hostile_file_is_one_line(tiny_model: Path, write_photo: PhotoWriter, tmp_path: Path, command: str) -> None:
    import onnx

    from tlx.export.publish import sealed_bytes
    from tlx.runtime.model_file import ModelFile

    model = onnx.load(tiny_model)
    model.graph.initializer.add(name="bomb", data_type=1, dims=[10**6, 10**6], raw_data=b"1234")
    path = tmp_path / "bomb.onnx"
    path.write_bytes(sealed_bytes(model, ModelFile.read(tiny_model).contract))
    write_photo(tmp_path / "photo.png")
    arguments = [path] if command == "info" else ["--model", path, tmp_path]
    line = [sys.executable, "-m", "tlx.cli.app", command, *map(str, arguments)]
    result = subprocess.run(line, env=os.environ, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "claims 1,000,000,000,000 numbers and holds 4 bytes" in result.stderr


def test_a_file_tells_of_its_gates(tiny_model: Path, tmp_path: Path) -> None:
    import onnx
    from tests.runtime.full_contract import full_contract

    from tlx.contract import InputSpec
    from tlx.export.publish import sealed_bytes
    from tlx.runtime.model_file import ModelFile

    small = ModelFile.read(tiny_model).contract
    contract = full_contract().model_copy(
        update={"labels": small.labels, "input": InputSpec(size_hw=small.input.size_hw), "known_answers": None}
    )
    (tmp_path / "model.onnx").write_bytes(sealed_bytes(onnx.load(tiny_model), contract))
    text = info(tmp_path / "model.onnx")
    assert row("made from", text) == "cats_and_dogs_small_4.h5 (2222222222222222), preprocessing rescale"
    assert row("quantized", text) == "for this machine: uint8 by minmax on 200 photos, 1 kept in fp32"
    assert row("accuracy gate", text) == "too few photos to tell: 974 of 1000 photos right, at fp32 976"
    assert row("speed gate", text) == "passed: 3.50 (3.40 to 3.60) times as fast as fp32 on a processor"
    assert row("skipped gates", text) == "accuracy"
