"""The whole export: proof before publication, and what stops it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest

from tlx.contract import CalibrationRecord
from tlx.core.handover import photos_for_parity, trained_model
from tlx.core.runs import Run
from tlx.errors import GateError, InputError, ModelFileError, OutputError
from tlx.export.exporter import ExportPlan, export_model
from tlx.export.fp32 import TrainedModel
from tlx.export.frameworks import import_keras
from tlx.export.keras_model import load_keras_model
from tlx.export.parity import ParityPlan, check_parity
from tlx.export.photo_choice import choose_photos
from tlx.images import load
from tlx.runtime.classifier import Classifier
from tlx.runtime.model_file import ModelFile
from tlx.runtime.proof import prove_known_answers

if TYPE_CHECKING:
    from tlx.export.exporter import Exported


# Carried in the contract only: the graph's probabilities must still be those of Keras.
CALIBRATION = CalibrationRecord(temperature=3, photos=12, ece_before=0.2, ece_after=0.1)


@pytest.fixture(scope="session")
def exported(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    output = tmp_path_factory.mktemp("exported") / "model.onnx"
    record = tiny_run.record.model_copy(update={"calibration": CALIBRATION})
    trained = trained_model(Run(tiny_run.folder, record))
    return export_model(trained, output, ExportPlan(photos_for_parity(tiny_run)))


def plan_for(run: Run) -> ParityPlan:
    return ParityPlan(run.model_path, run.recipe.size_hw, "area", photos_for_parity(run), 1e-4, 0.5)


def test_export_proves_parity_and_writes_it_into_the_file(exported: Exported, tiny_run: Run) -> None:
    contract = ModelFile.read(exported.path).contract
    assert contract.export is not None
    parity = contract.export.parity
    assert parity is not None
    assert (parity.photos, parity.labels_equal) == (12, 12)
    assert parity.max_abs_difference <= 1e-4
    assert contract.labels == ["blue", "red"]
    assert contract.calibration == CALIBRATION
    assert contract.training is not None
    assert contract.training.data_sha256 == tiny_run.record.data.sha256
    assert contract.export.processor
    latency = contract.export.latency
    assert latency is not None
    assert latency.device == "cpu"
    assert 0 < latency.p50_ms < 10_000
    assert {"tlx", "keras", "tf2onnx"} <= contract.export.versions.keys()
    assert [path.name for path in exported.path.parent.iterdir()] == ["model.onnx"]


def test_the_file_runs_in_plain_onnxruntime_and_says_what_tlx_says(exported: Exported, tiny_run: Run) -> None:
    session = ort.InferenceSession(str(exported.path), providers=["CPUExecutionProvider"])
    classifier = Classifier.load(exported.path)
    model = load_keras_model(tiny_run.model_path)
    for photo in tiny_run.photos("validation"):
        pixels = load(photo.path, (32, 32), "area")
        plain = session.run(["probabilities"], {"image": pixels[np.newaxis]})[0][0]
        ours = classifier.classify(pixels)
        assert ours.label == ["blue", "red"][int(plain.argmax())]
        np.testing.assert_allclose(plain, ours.probabilities, atol=1e-6)
        np.testing.assert_allclose(plain, np.asarray(model.predict_on_batch(pixels[np.newaxis]))[0], atol=1e-5)


def test_known_answers_hold_where_the_file_was_made(exported: Exported) -> None:
    largest = prove_known_answers(Classifier.load(exported.path))
    assert largest is not None
    assert largest <= 1e-3


def flip_colours(model: Any) -> None:
    layer = model.get_layer("block1_conv1")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel[:, :, ::-1, :], bias])


def change_a_weight(model: Any) -> None:
    layer = model.get_layer("output")
    kernel, bias = layer.get_weights()
    kernel[:, 0] *= 1.5
    layer.set_weights([kernel, bias])


@pytest.mark.parametrize("change", [flip_colours, change_a_weight])
def test_parity_notices_a_file_that_computes_something_else(
    exported: Exported, tiny_run: Run, tmp_path: Path, change: Any
) -> None:
    model = import_keras().models.load_model(tiny_run.model_path, compile=False)
    change(model)
    model.save(tmp_path / "other.keras")
    other = ParityPlan(tmp_path / "other.keras", (32, 32), "area", photos_for_parity(tiny_run), 1e-4, 0.5)
    with pytest.raises(GateError, match=r"parity failed: .*worst: .*nothing was published"):
        check_parity(other, exported.path)


def test_parity_notices_a_contract_with_another_resize(exported: Exported, tiny_run: Run) -> None:
    plan = plan_for(tiny_run)
    other = ParityPlan(plan.keras_model, plan.size_hw, "nearest", plan.photos, plan.tolerance, plan.threshold)
    with pytest.raises(GateError, match="parity failed"):
        check_parity(other, exported.path)


def test_a_weight_that_is_no_number_is_never_exported(tiny_run: Run, tmp_path: Path) -> None:
    model = import_keras().models.load_model(tiny_run.model_path, compile=False)
    layer = model.get_layer("hidden")
    kernel, bias = layer.get_weights()
    kernel[0, 0] = np.nan
    layer.set_weights([kernel, bias])
    model.save(tmp_path / "nan.keras")
    source = trained_model(tiny_run)
    broken = TrainedModel(tmp_path / "nan.keras", source.labels, source.size_hw, source.resize, source.training)
    with pytest.raises(InputError, match=r"hidden.*not numbers"):
        export_model(broken, tmp_path / "model.onnx", ExportPlan(photos_for_parity(tiny_run)))
    assert not list(tmp_path.glob("*.onnx"))


def test_labels_that_do_not_fit_the_output_are_refused(tiny_run: Run, tmp_path: Path) -> None:
    source = trained_model(tiny_run)
    wrong = TrainedModel(source.keras_model, ["a", "b", "c"], source.size_hw, source.resize, source.training)
    with pytest.raises(InputError, match="2 probabilities for 3 labels"):
        export_model(wrong, tmp_path / "model.onnx", ExportPlan(photos_for_parity(tiny_run)))


def test_a_damaged_keras_file_is_one_line(tiny_run: Run, tmp_path: Path) -> None:
    source = trained_model(tiny_run)
    (tmp_path / "model.keras").write_bytes(source.keras_model.read_bytes()[:1000])
    broken = TrainedModel(tmp_path / "model.keras", source.labels, source.size_hw, source.resize, source.training)
    with pytest.raises(ModelFileError, match="not a Keras model"):
        export_model(broken, tmp_path / "model.onnx", ExportPlan(photos_for_parity(tiny_run)))


def test_unreadable_photos_are_left_out_and_none_readable_is_an_error(
    exported: Exported, tiny_run: Run, tmp_path: Path
) -> None:
    good = photos_for_parity(tiny_run)[:3]
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    plan = plan_for(tiny_run)
    mixed = ParityPlan(plan.keras_model, plan.size_hw, "area", [tmp_path / "bad.jpg", *good], 1e-4, 0.5)
    assert check_parity(mixed, exported.path).photos == 3
    hopeless = ParityPlan(plan.keras_model, plan.size_hw, "area", [tmp_path / "bad.jpg"], 1e-4, 0.5)
    with pytest.raises(InputError, match="none of the 1 photos"):
        check_parity(hopeless, exported.path)


@pytest.mark.parametrize(
    ("output", "message"), [("model.pb", "ends in .onnx"), ("absent/model.onnx", "does not exist")]
)
def test_an_output_that_cannot_be_is_refused_at_once(tiny_run: Run, tmp_path: Path, output: str, message: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(OutputError, match=message):
        export_model(trained_model(tiny_run), tmp_path / output, ExportPlan(photos_for_parity(tiny_run)))
    assert time.monotonic() - started_s < 2


def test_choose_photos_is_stable_and_bounded() -> None:
    paths = [Path(f"{number}.jpg") for number in range(100)]
    assert choose_photos(paths, 100) == paths
    chosen = choose_photos(paths, 10)
    assert len(chosen) == 10
    assert chosen == choose_photos(paths, 10) == sorted(chosen, key=paths.index)


def start_export(run: Run, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tlx.cli.app", "export", str(output), "--run", str(run.folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [1.5, 5.0, 9.0])
def test_ctrl_c_keeps_the_old_file_and_leaves_nothing_else(tiny_run: Run, tmp_path: Path, delay_s: float) -> None:
    output = tmp_path / "model.onnx"
    output.write_bytes(b"the old one")
    process = start_export(tiny_run, output)
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.decode().splitlines()[-1] == "tlx: interrupted"
    assert output.read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root")
def test_a_full_disk_keeps_the_old_file_whole(tiny_run: Run, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this container may not mount a small disk")
    try:
        output = disk / "model.onnx"
        output.write_bytes(b"the old one")
        with pytest.raises(OutputError, match="the disk is full"):
            export_model(trained_model(tiny_run), output, ExportPlan(photos_for_parity(tiny_run)))
        assert output.read_bytes() == b"the old one"
        assert [path.name for path in disk.iterdir()] == ["model.onnx"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
