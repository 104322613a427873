"""What a training calls at its end: its validation photos judged, and what of that a run keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlx import atomic
from tlx.contract import CalibrationRecord
from tlx.core.evaluation.document import describe, write_predictions
from tlx.core.evaluation.evaluate import Evaluation, assess
from tlx.core.evaluation.labelled import LabelledPhoto, LabelledPhotos
from tlx.core.evaluation.predicting import Predictions
from tlx.core.evaluation.predictors import ModelSpec, Probabilities
from tlx.core.photos import Photo

EVALUATION_FILE = "evaluation.json"
PREDICTIONS_FILE = "validation.csv"


def assess_validation(
    model: ModelSpec, root: Path, photos: Sequence[Photo], probabilities: Probabilities
) -> Evaluation:
    """Judge a model on the photos that training validates it on.

    Args:
        model: See :func:`tlx.core.evaluation.predictors.spec_of_run`.
        root: The folder of the photos; what is written holds absolute paths below it.
        photos: Of the split ``validation``, at least one, all sound.
        probabilities: ``float32 [N, classes]`` (two columns also for a sigmoid), a row for each of ``photos``.

    Raises:
        MissingDependencyError: If scikit-learn isn't installed.
    """
    absolute = root.resolve()
    listed = tuple(LabelledPhoto(absolute / photo.path.relative_to(root), photo.label) for photo in photos)
    hashes = tuple(photo.sha256 for photo in photos)
    predictions = Predictions(tuple(range(len(photos))), probabilities, hashes, unreadable=())
    splits = {photo.sha256: photo.split for photo in photos}
    return assess(model, LabelledPhotos(absolute, "validation", listed), predictions, splits)


def calibration_record(evaluation: Evaluation) -> CalibrationRecord | None:
    """The temperature that was fitted on these photos, as a run and its model files carry it; None if none fits."""
    found = evaluation.calibration
    if found.temperature is None or found.ece_at_temperature is None:
        return None
    return CalibrationRecord(
        temperature=found.temperature,
        photos=evaluation.metrics.n,
        ece_before=found.ece,
        ece_after=found.ece_at_temperature,
    )


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write ``evaluation.json`` with all mistakes, and ``validation.csv`` with a row for each photo.

    Raises:
        OutputError: If the files can't be written.
    """
    atomic.write_json(folder / EVALUATION_FILE, describe(evaluation, mistakes=len(evaluation.mistakes)))
    write_predictions(evaluation, folder / PREDICTIONS_FILE)
