"""A trained model behind one small protocol, whether Keras or ONNX Runtime runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tlx.contract import CalibrationRecord, ResizeMethod
from tlx.core.recipes.recipe import Recipe
from tlx.core.runs import Run
from tlx.errors import DeviceError, InputError, ModelFileError
from tlx.export.frameworks import import_keras, import_tensorflow
from tlx.export.keras_model import class_probabilities, load_keras_model
from tlx.runtime.classifier import Classifier
from tlx.runtime.session import Device

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What one must know of a model to feed it and to read its answers.

    Attributes:
        name: The model file or the run's folder.
        engine: What runs it, such as ``keras.tensorflow`` or ``onnxruntime.cpu``.
        labels: In the order of the probabilities.
        threshold: For two classes: the second is given from this probability of it upwards.
        size_hw: Of the pictures that it takes.
        resize: How they get that size.
        sha256: The seal of a model file; None for a run.
        calibration: The temperature that it carries; its probabilities come without it.
        note: What a person should know about the device; usually None.
    """

    name: str
    engine: str
    labels: tuple[str, ...]
    threshold: float
    size_hw: tuple[int, int]
    resize: ResizeMethod
    sha256: str | None = None
    calibration: CalibrationRecord | None = None
    note: str | None = None


def spec_of_run(
    folder: Path, labels: Sequence[str], recipe: Recipe, calibration: CalibrationRecord | None = None
) -> ModelSpec:
    """What one must know of a run's model, finished or not.

    Args:
        folder: The run's, under its final name.
        labels: In the order of the output.
        recipe: What it is trained by.
        calibration: What it carries, once that is known.

    Raises:
        MissingDependencyError: If Keras isn't installed.
    """
    return ModelSpec(
        name=str(folder),
        engine=f"keras.{import_keras().backend.backend()}",
        labels=tuple(labels),
        threshold=0.5,
        size_hw=recipe.size_hw,
        resize=recipe.resize,
        calibration=calibration,
    )


class Predictor(Protocol):
    """Gives the probabilities of pictures that have the model's size."""

    @property
    def spec(self) -> ModelSpec:
        """What it is."""

    def predict(self, images_rgb: Images) -> Probabilities:
        """Run the model once.

        Args:
            images_rgb: ``uint8 [N, H, W, 3]``, RGB, of the size ``spec.size_hw``.

        Returns:
            ``float32 [N, classes]``, 0 to 1.

        Raises:
            ModelFileError: If the model fails or gives something else than probabilities.
        """


class OnnxPredictor:
    """A model file in ONNX Runtime, as the edge runs it."""

    def __init__(self, path: Path, device: Device = "auto") -> None:
        """Load the file; see :meth:`tlx.runtime.classifier.Classifier.load` for its errors."""
        self._classifier = Classifier.load(path, device)
        contract = self._classifier.contract
        self.spec = ModelSpec(
            name=str(path),
            engine=f"onnxruntime.{self._classifier.session.device}",
            labels=tuple(contract.labels),
            threshold=contract.threshold,
            size_hw=contract.input.size_hw,
            resize=contract.resize.method,
            sha256=self._classifier.sha256,
            calibration=contract.calibration,
            note=self._classifier.session.note,
        )

    def predict(self, images_rgb: Images) -> Probabilities:
        """See :meth:`Predictor.predict`."""
        predictions = self._classifier.classify_batch(list(images_rgb))
        return np.array([prediction.probabilities for prediction in predictions], np.float32)


class KerasPredictor:
    """A run's own model in Keras, as it was trained."""

    def __init__(self, run: Run, device: Device = "auto") -> None:
        """Load the run's model.

        Raises:
            MissingDependencyError: If Keras isn't installed.
            DeviceError: If a GPU is asked for and TensorFlow finds none.
            ModelFileError: If the model can't be loaded.
        """
        _choose_device(device)
        self._model = load_keras_model(run.model_path)
        self.spec = spec_of_run(run.folder, run.labels, run.recipe, run.record.calibration)

    def predict(self, images_rgb: Images) -> Probabilities:
        """See :meth:`Predictor.predict`."""
        probabilities = class_probabilities(np.asarray(self._model.predict_on_batch(images_rgb)))
        if probabilities.shape[1] != len(self.spec.labels) or not np.isfinite(probabilities).all():
            raise ModelFileError(
                f"{self.spec.name}: expected {len(self.spec.labels)} probabilities a photo, received "
                f"{probabilities[0].tolist()}: train again"
            )
        return probabilities


def _choose_device(device: Device) -> None:
    """Let Keras see what was asked for."""
    if device not in {"auto", "cpu", "gpu"}:
        raise InputError(f"--device {device}: that's for model files (.onnx): a run of Keras takes auto, cpu or gpu")
    backend = str(import_keras().backend.backend())
    if backend != "tensorflow":
        if device != "auto":
            raise InputError(
                f"--device {device}: Keras runs on {backend} here, which chooses itself: leave --device out"
            )
        return
    config = import_tensorflow().config
    gpus = config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError("--device gpu: TensorFlow finds no GPU: 'tlx doctor' shows more, --device cpu runs without")
    if device == "cpu" and gpus:
        config.set_visible_devices([], "GPU")
