"""The Keras engines beside ONNX Runtime, from a run folder: several TensorFlow processes at once."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.bench.bench import run_bench
from tlx.bench.plan import FEWEST_CALLS
from tlx.bench.prepare import BenchOptions, prepare
from tlx.contract import CONTRACT_KEY
from tlx.errors import InputError, MissingDependencyError, RunError

if TYPE_CHECKING:
    import onnx

    from tlx.core.runs import Run

LABELS = ("blue", "red")
SIZE_HW = (32, 32)
KINDS = ("keras.predict", "keras.call", "keras.tf_function", "keras.xla", "keras.mixed_bfloat16", "onnxruntime.*")


def save_same_model(path: Path) -> None:
    """The function of the fixture ``make_model`` as a Keras model."""
    from tlx.export.frameworks import import_keras

    keras = import_keras()
    image = keras.Input((*SIZE_HW, 3), dtype="uint8", name="image")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0)(image))
    output = keras.layers.Dense(2, activation="softmax", use_bias=False, name="output")(mean)
    model = keras.Model(image, output)
    model.get_layer("output").set_weights([np.eye(3, 2, dtype=np.float32) / 10])
    model.save(path)


@pytest.fixture(scope="module")
def workplace(tiny_run: Run, make_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``model.onnx`` and the run that it names: ``runs/original``, of the same function."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(tiny_run.folder, folder / "runs" / "original")
    save_same_model(folder / "runs" / "original" / "model.keras")
    record_file = folder / "runs" / "original" / "run.json"
    record = json.loads(record_file.read_text()) | {"name": "original"}
    record_file.write_text(json.dumps(record))

    def name_the_run(model: onnx.ModelProto) -> None:
        entry = next(entry for entry in model.metadata_props if entry.key == CONTRACT_KEY)
        origin = {"run": "original", "preset": "", "photos": 0, "weights": ""}
        origin |= {"data_sha256": record["data"]["sha256"], "weights_sha256": record["weights"]["sha256"]}
        entry.value = json.dumps({**json.loads(entry.value), "training": origin})

    content = make_model(labels=LABELS, size_hw=SIZE_HW, change=name_the_run)
    (folder / "model.onnx").write_bytes(content)
    return folder


@pytest.mark.slow
def test_keras_engines_and_onnx_runtime_agree_and_wait_idle(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    report = run_bench(
        BenchOptions((Path("model.onnx"),), rounds=3, threads=(1,), engines=KINDS, device="cpu"), command="tlx bench"
    )
    engines = {engine["name"]: engine for engine in report.document["engines"]}
    assert list(engines) == [*KINDS[:-1], "onnxruntime.cpu.fp32"]
    assert report.failures == ()
    assert report.notes == ()
    assert report.document["baseline"] == "keras.predict"
    photos = report.document["photos"]
    assert (photos["count"], photos["from"], photos["synthetic"]) == (12, "validation photos of original", False)
    assert report.document["environment"]["tensorflow_threads"] == {"intra_op": 1, "inter_op": 1}
    for engine in engines.values():
        assert engine["status"] == "ok"
        assert engine["agreement"]["labels_equal"] == 12
        assert engine["agreement"]["agrees"] is True
        assert engine["parked"]["idle"] is True
        assert engine["n"] >= 3 * FEWEST_CALLS
        # The validation photos of this run lie in folders of its labels.
        assert engine["accuracy"]["photos"] == 12
    assert engines["keras.mixed_bfloat16"]["agreement"]["tolerance"] == 5e-2
    assert engines["keras.mixed_bfloat16"]["agreement"]["max_abs_difference"] > 0
    # predict() sets up a data pipeline for every call.
    assert engines["keras.predict"]["p50_ms"] > engines["keras.tf_function"]["p50_ms"]
    assert engines["keras.tf_function"]["ratio_to_baseline"] > 1


def test_prepare_can_leave_keras_out(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    prepared = prepare(BenchOptions((Path("model.onnx"),), keras="none", device="cpu"))
    assert [engine.kind for engine in prepared.plan.engines] == ["onnxruntime"]
    # The run still tells where the photos are.
    assert prepared.photos_from == "validation photos of original"


def test_prepare_goes_on_without_the_run_and_says_so(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared = prepare(BenchOptions((workplace / "model.onnx",), device="cpu"))
    assert [engine.kind for engine in prepared.plan.engines] == ["onnxruntime"]
    assert any("original: no such run" in note for note in prepared.notes)


def test_prepare_says_when_the_named_run_is_not_the_files_own(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    own = prepare(BenchOptions((Path("model.onnx"),), keras="original", device="cpu"))
    assert own.notes == ()
    assert len({engine.network for engine in own.plan.engines}) == 1
    shutil.copytree(workplace / "runs" / "original", tmp_path / "other")
    record_file = tmp_path / "other" / "run.json"
    record_file.write_text(json.dumps(json.loads(record_file.read_text()) | {"name": "other"}))
    other = prepare(BenchOptions((Path("model.onnx"),), keras=str(tmp_path / "other"), device="cpu"))
    assert other.notes == ("model.onnx names the run original, not other (--keras): taken for another network",)
    assert len({engine.network for engine in other.plan.engines}) == 2


def test_prepare_refuses_a_run_of_other_labels(workplace: Path, tiny_model: Path) -> None:
    with pytest.raises(RunError, match="knows other labels than"):
        prepare(BenchOptions((tiny_model,), keras=str(workplace / "runs" / "original")))


@pytest.mark.parametrize("named", [True, False])
def test_prepare_without_tensorflow(workplace: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    options = BenchOptions((Path("model.onnx"),), keras="original" if named else None, device="cpu")
    if named:
        with pytest.raises(MissingDependencyError, match="TensorFlow isn't installed"):
            prepare(options)
    else:
        prepared = prepare(options)
        assert [engine.kind for engine in prepared.plan.engines] == ["onnxruntime"]
        assert any("TensorFlow isn't installed" in note for note in prepared.notes)


@pytest.mark.slow
def test_keras_runs_in_an_environment_of_its_own_that_has_no_tlx(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that finds TensorFlow, but none of what decodes pictures or reads contracts."""
    hidden = ("cv2", "pydantic", "onnxruntime", "typer")
    python = tmp_path / "python"
    python.write_text(
        f"""#!{sys.executable}
import os, sys
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, ({str(tmp_path)!r}, os.environ.get("PYTHONPATH"))))
os.environ["OTHER_PYTHON"] = "yes"
os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])
"""
    )
    python.chmod(0o755)
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nfor name in {hidden!r}: sys.modules[name] = None\n")
    monkeypatch.chdir(workplace)
    options = BenchOptions(
        (Path("model.onnx"),), rounds=1, engines=("keras.call", "onnxruntime.*"), device="cpu", keras_python=python
    )
    document = run_bench(options, command="tlx bench").document
    assert document["environment"]["keras_versions"] == {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")},
    }
    assert [(engine["name"], engine["status"]) for engine in document["engines"]] == [
        ("keras.call", "ok"),
        ("onnxruntime.cpu.fp32", "ok"),
    ]


def test_a_python_without_tensorflow_is_refused(workplace: Path, tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no TensorFlow here')")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with pytest.raises(MissingDependencyError, match="can't import TensorFlow and Keras"):
        prepare(BenchOptions((workplace / "model.onnx",), device="cpu", keras_python=python))
    with pytest.raises(InputError, match=r"--keras-python .*nothing: can't be run"):
        prepare(BenchOptions((workplace / "model.onnx",), device="cpu", keras_python=tmp_path / "nothing"))
