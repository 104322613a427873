"""An evaluation for programs: the JSON document and the table of predictions."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tlx import atomic
from tlx.core.evaluation.calibration import BINS
from tlx.core.evaluation.evaluate import Evaluation
from tlx.core.evaluation.metrics import CONFIDENCE

SCHEMA: Final = 1


def describe(evaluation: Evaluation, mistakes: int) -> dict[str, Any]:
    """The evaluation as plain JSON values.

    Schema 1; shares, scores and probabilities are 0 to 1, ``null`` is what these photos can't tell:

    - ``n``: photos; ``accuracy``; ``accuracy_interval``: ``low``, ``high``, ``confidence``, ``method``;
      ``balanced_accuracy``; ``roc_auc`` (two classes: of the second; more: mean of one against the rest, over the
      classes that have photos); ``log_loss`` (natural logarithm);
    - ``classes``: for each label ``label``, ``precision``, ``recall``, ``f1``, ``support``;
    - ``confusion``: a row for each true label, a column for each given one, both in the order of ``classes``;
    - ``best_threshold`` (two classes, else ``null``): ``label`` is given from ``value`` of its probability upwards,
      ``balanced_accuracy``; chosen on these very photos;
    - ``calibration``: ``ece``, ``bin_count`` (of equal width over 0 to 1), ``bins`` (those with photos: ``low``,
      ``high``, ``count``, ``confidence``, ``accuracy``) of the probabilities as they come; ``temperature``,
      ``ece_at_temperature``, ``log_loss_at_temperature``, fitted on these very photos; ``carried``: ``temperature``,
      ``ece``, ``log_loss``, ``bins`` with the temperature that the model brought along, ``null`` if it brought none;
    - ``mistake_count`` and ``mistakes``, the most confident first: ``path``, ``label``, ``predicted``,
      ``probability`` (of ``predicted``);
    - ``model``: ``name``, ``engine``, ``labels``, ``threshold``, ``size_hw``, ``resize``, ``sha256`` (of a model
      file), ``calibration`` (what it carries, as in the contract, or ``null``);
    - ``data``: ``root``, ``split``, ``trained_on`` (how many of these photos the run was trained on; ``null`` for a
      model file), ``calibrated_on`` (the same for the carried temperature), ``left_out``: ``path`` and ``reason`` of
      each photo that can't be read.

    Args:
        evaluation: What is described.
        mistakes: How many to list at most.
    """
    metrics = evaluation.metrics
    low, high = metrics.accuracy_interval
    return {
        "schema": SCHEMA,
        "n": metrics.n,
        "accuracy": metrics.accuracy,
        "accuracy_interval": {"low": low, "high": high, "confidence": CONFIDENCE, "method": "wilson"},
        "balanced_accuracy": metrics.balanced_accuracy,
        "roc_auc": metrics.roc_auc,
        "log_loss": metrics.log_loss,
        "classes": [asdict(scores) for scores in metrics.classes],
        "confusion": [list(row) for row in metrics.confusion],
        "best_threshold": _best_threshold(evaluation),
        "calibration": {"bin_count": BINS, **asdict(evaluation.calibration)},
        "mistake_count": len(evaluation.mistakes),
        "mistakes": _mistakes(evaluation, mistakes),
        "model": _model(evaluation),
        "data": _data(evaluation),
    }


def predictions_csv(evaluation: Evaluation) -> bytes:
    """One row a photo: ``path``, ``label``, ``predicted`` and ``p_<label>`` for each class; UTF-8.

    File names that aren't valid text keep their own bytes.
    """
    labels = evaluation.model.labels
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "predicted", *(f"p_{label}" for label in labels)])
    for photo, given, row in zip(evaluation.photos, evaluation.given, evaluation.probabilities, strict=True):
        writer.writerow([photo.path, photo.label, labels[given], *(f"{value:.7g}" for value in row)])
    return text.getvalue().encode(errors="surrogateescape")


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """Write :func:`predictions_csv` to a file.

    Raises:
        OutputError: If the file can't be written.
    """
    atomic.write_bytes(path, predictions_csv(evaluation))


def _best_threshold(evaluation: Evaluation) -> dict[str, Any] | None:
    best = evaluation.threshold
    return None if best is None else {"label": evaluation.model.labels[1], **asdict(best)}


def _mistakes(evaluation: Evaluation, count: int) -> list[dict[str, Any]]:
    labels = evaluation.model.labels
    return [
        {
            "path": str(evaluation.photos[mistake.place].path),
            "label": labels[mistake.true_class],
            "predicted": labels[mistake.given_class],
            "probability": mistake.probability,
        }
        for mistake in evaluation.mistakes[:count]
    ]


def _model(evaluation: Evaluation) -> dict[str, Any]:
    model = evaluation.model
    return {
        "name": model.name,
        "engine": model.engine,
        "labels": list(model.labels),
        "threshold": model.threshold,
        "size_hw": list(model.size_hw),
        "resize": model.resize,
        "sha256": model.sha256,
        "calibration": model.calibration.model_dump(mode="json") if model.calibration else None,
    }


def _data(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "root": str(evaluation.root),
        "split": evaluation.split,
        "trained_on": evaluation.trained_on,
        "calibrated_on": evaluation.calibrated_on,
        "left_out": [{"path": error.source, "reason": error.reason} for error in evaluation.unreadable],
    }
