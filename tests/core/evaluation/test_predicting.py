"""Photo files to probabilities, by real models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx import images
from tlx.core.evaluation.predicting import batch_size, predict_files
from tlx.core.evaluation.predictors import KerasPredictor, OnnxPredictor, Predictor
from tlx.errors import DeviceError
from tlx.export.keras_model import load_keras_model
from tlx.runtime.classifier import Classifier

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

    from tlx.core.runs import Run


def test_files_give_what_the_classifier_gives_for_each(tiny_model: Path, colour_photos: Path) -> None:
    paths = sorted((colour_photos / "train").rglob("*.jpg"))
    classifier = Classifier.load(tiny_model, "cpu")
    expected = [classifier.classify(images.read(path)).probabilities for path in paths]
    predictions = predict_files(OnnxPredictor(tiny_model, "cpu"), paths)
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-6)
    assert predictions.probabilities.dtype == np.float32
    assert predictions.places == tuple(range(24))
    assert predictions.sha256 == tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)


def test_a_run_gives_what_its_keras_model_gives(tiny_run: Run, colour_photos: Path) -> None:
    paths = sorted((colour_photos / "train").rglob("*.jpg"))
    pixels = np.stack([images.load(path, (32, 32)) for path in paths])
    expected = load_keras_model(tiny_run.model_path).predict(pixels, verbose=0)
    predictions = predict_files(KerasPredictor(tiny_run, "cpu"), paths)
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-6)


def test_both_engines_agree_and_describe_the_model_alike(
    tiny_run: Run, tiny_run_onnx: Path, colour_photos: Path
) -> None:
    paths = sorted(colour_photos.rglob("*.jpg"))
    by_keras: Predictor = KerasPredictor(tiny_run)
    by_onnx: Predictor = OnnxPredictor(tiny_run_onnx, "cpu")
    for name in ("labels", "size_hw", "resize", "threshold"):
        assert getattr(by_keras.spec, name) == getattr(by_onnx.spec, name)
    assert (by_keras.spec.engine, by_onnx.spec.engine) == ("keras.tensorflow", "onnxruntime.cpu")
    np.testing.assert_allclose(
        predict_files(by_keras, paths).probabilities, predict_files(by_onnx, paths).probabilities, atol=1e-5
    )


def test_unreadable_photos_are_left_out_and_told(tiny_model: Path, tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path, {"red": 70})
    paths = sorted((tmp_path / "red").iterdir())
    bad = {0, 33, 34, 69}
    for place in bad - {34}:
        paths[place].write_bytes(b"no photo")
    paths[34].unlink()
    told: list[tuple[int, int]] = []
    predictions = predict_files(
        OnnxPredictor(tiny_model, "cpu"), paths, lambda _stage, done, total, _note="": told.append((done, total))
    )
    assert set(predictions.places) == set(range(70)) - bad
    assert predictions.probabilities.shape == (66, 3)
    assert [error.source for error in predictions.unreadable] == [str(paths[place]) for place in sorted(bad)]
    assert "does not exist" in predictions.unreadable[2].reason
    assert told[-1] == (70, 70)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_no_readable_photo_gives_no_rows(tiny_model: Path, tmp_path: Path) -> None:
    predictions = predict_files(OnnxPredictor(tiny_model, "cpu"), [tmp_path / "absent.jpg"])
    assert predictions.probabilities.shape == (0, 3)
    assert len(predictions.unreadable) == 1


@pytest.mark.parametrize(
    ("size_hw", "expected"), [((32, 32), 32), ((150, 150), 32), ((224, 224), 20), ((1024, 1024), 1), ((4096, 4096), 1)]
)
def test_batches_are_smaller_for_large_pictures(size_hw: tuple[int, int], expected: int) -> None:
    assert batch_size(size_hw) == expected


def test_a_gpu_that_is_not_there_is_an_error_for_keras_too(tiny_run: Run) -> None:
    from tlx.export.frameworks import import_tensorflow

    if import_tensorflow().config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow finds a GPU here")
    with pytest.raises(DeviceError, match="--device gpu: TensorFlow finds no GPU"):
        KerasPredictor(tiny_run, "gpu")
