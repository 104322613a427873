"""The evaluation of a model on labelled photos: what ``tlx evaluate`` runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlx.core.evaluation.calibration import Calibration, calibrate
from tlx.core.evaluation.labelled import LabelledPhoto, LabelledPhotos, photos_in_folder, photos_of_run
from tlx.core.evaluation.metrics import Metrics, given_classes, measure
from tlx.core.evaluation.mistakes import Mistake, rank_mistakes
from tlx.core.evaluation.predicting import Predictions, predict_files
from tlx.core.evaluation.predictors import KerasPredictor, ModelSpec, OnnxPredictor, Predictor, Probabilities
from tlx.core.evaluation.scikit_learn import import_metrics
from tlx.core.evaluation.threshold import BestThreshold, best_threshold
from tlx.core.photos import Split
from tlx.core.runs import RUNS_FOLDER, Run, open_run
from tlx.errors import DataError, ImageError, InputError
from tlx.progress import Progress, silent
from tlx.runtime.model_registry import is_registry
from tlx.runtime.session import Device


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """On what, and where.

    Attributes:
        data: A folder of labelled photos; None stands for the run's own.
        split: The part of it; ``validation`` where there are parts.
    """

    data: Path | None = None
    split: Split | None = None
    device: Device = "auto"
    runs_root: Path = RUNS_FOLDER


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model did on labelled photos. Places count the photos that could be read.

    Attributes:
        root: The folder of the photos.
        split: The part of it; None if it has no parts.
        photos: Those that could be read.
        unreadable: What is wrong with each of the others.
        trained_on: How many of ``photos`` (by content) the run was trained on; None where that isn't known.
        calibrated_on: The same for the temperature that it carries; also None if it carries none.
        probabilities: ``float32 [N, classes]``, a row for each photo.
        given: ``int64 [N]``, the class that each photo was given.
        threshold: The best one for these photos; None unless there are two classes, both with photos.
        mistakes: All, the most confident first.
    """

    model: ModelSpec
    root: Path
    split: Split | None
    photos: tuple[LabelledPhoto, ...]
    unreadable: tuple[ImageError, ...]
    trained_on: int | None
    calibrated_on: int | None
    probabilities: Probabilities
    given: npt.NDArray[np.int64]
    metrics: Metrics
    threshold: BestThreshold | None
    calibration: Calibration
    mistakes: tuple[Mistake, ...]


def evaluate_model(model: str, options: EvaluateOptions, progress: Progress = silent) -> Evaluation:
    """Evaluate a model file or a run on labelled photos.

    Args:
        model: An ``.onnx`` file, a models folder, a run's folder or name, or ``latest``.
        options: On what, and where.
        progress: Told how many photos are classified.

    Raises:
        MissingDependencyError: If scikit-learn (for a run also Keras) isn't installed.
        InputError: If no photos are named for a model file, or no model for the photos.
        ModelFileError: If the model can't be used.
        RunError: If there is no such run.
        DataError: If the photos can't be evaluated on.
        DeviceError: If the device isn't available.
    """
    import_metrics()  # before minutes of classifying
    path = Path(model)
    if path.is_file() or path.suffix == ".onnx" or is_registry(path):
        if options.data is None:
            raise InputError(f"{model}: a model file has no photos of its own: name a folder of labelled photos")
        predictor: Predictor = OnnxPredictor(path, options.device)
        photos = photos_in_folder(options.data, predictor.spec.labels, options.split)
        return _evaluate(predictor, photos, None, progress)
    places = (path, options.runs_root / model)
    if options.data is None and path.is_dir() and not any((place / "run.json").exists() for place in places):
        raise InputError(f"{model}: a folder, but not a run's: to evaluate on its photos, name the model before it")
    run = open_run(model, options.runs_root)
    photos = _photos_for(run, options)
    return _evaluate(KerasPredictor(run, options.device), photos, _splits_of(run), progress)


def assess(
    model: ModelSpec, photos: LabelledPhotos, predictions: Predictions, splits: Mapping[str, Split] | None = None
) -> Evaluation:
    """Judge the predictions for labelled photos.

    Args:
        model: Whose they are.
        photos: What was asked for.
        predictions: For ``photos.photos``, in their order.
        splits: The split of each photo that the model's run knows, by its content hash (hex); None without a run.

    Raises:
        DataError: If no photo could be read.
    """
    if not predictions.places:
        raise DataError(
            f"{photos.root}: none of its {len(photos.photos)} photos can be read, the first: "
            f"{predictions.unreadable[0]}"
        )
    read = tuple(photos.photos[place] for place in predictions.places)
    places = {label: place for place, label in enumerate(model.labels)}
    true_classes = np.array([places[photo.label] for photo in read], np.int64)
    probabilities = predictions.probabilities
    given = given_classes(probabilities, model.threshold)
    found = None if splits is None else Counter(splits.get(one) for one in predictions.sha256)
    own = model.calibration
    two = len(model.labels) == 2  # noqa: PLR2004 - a threshold is for two classes
    return Evaluation(
        model=model,
        root=photos.root,
        split=photos.split,
        photos=read,
        unreadable=predictions.unreadable,
        trained_on=None if found is None else found["train"],
        calibrated_on=None if found is None or own is None else found["validation"],
        probabilities=probabilities,
        given=given,
        metrics=measure(true_classes, probabilities, labels=model.labels, threshold=model.threshold),
        threshold=best_threshold(true_classes, probabilities[:, 1], model.threshold) if two else None,
        calibration=calibrate(true_classes, probabilities, own.temperature if own else None),
        mistakes=rank_mistakes(true_classes, given, probabilities),
    )


def _evaluate(
    predictor: Predictor, photos: LabelledPhotos, splits: Mapping[str, Split] | None, progress: Progress
) -> Evaluation:
    predictions = predict_files(predictor, [photo.path for photo in photos.photos], progress)
    return assess(predictor.spec, photos, predictions, splits)


def _photos_for(run: Run, options: EvaluateOptions) -> LabelledPhotos:
    if options.data is None:
        return photos_of_run(run, options.split)
    return photos_in_folder(options.data, run.labels, options.split)


def _splits_of(run: Run) -> dict[str, Split]:
    splits: tuple[Split, ...] = ("train", "validation")
    return {photo.sha256: split for split in splits for photo in run.photos(split)}
