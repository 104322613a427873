"""How good predictions are, as pure functions of labels and probabilities; the figures are scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.calibration import floored
from tlx.core.evaluation.scikit_learn import import_metrics
from tlx.runtime.classifier import decide

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How one class did; each score is 0 to 1, and 0 where it would divide by nothing.

    Attributes:
        precision: Of the photos that were given this label, the share that have it.
        recall: Of the photos that have this label, the share that were given it.
        f1: Harmonic mean of the two.
        support: Photos that have this label.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """How a model did on labelled photos.

    Attributes:
        n: Photos.
        accuracy: 0 to 1.
        accuracy_interval: Wilson's interval at :data:`CONFIDENCE`.
        balanced_accuracy: Mean recall of the classes that have photos.
        classes: In the order of the model's labels.
        confusion: Photos by true class (rows) and given class (columns).
        roc_auc: Of the second class if there are two, else the mean over the classes that have photos, each
            against the rest; None if all photos are of one class.
        log_loss: Mean negative natural logarithm of the true class's probability.
    """

    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    balanced_accuracy: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    roc_auc: float | None
    log_loss: float


def measure(
    true_classes: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.floating[Any]],
    *,
    labels: Sequence[str],
    threshold: float,
) -> Metrics:
    """Measure predictions.

    Args:
        true_classes: ``[N]``, N at least 1; places in ``labels``.
        probabilities: ``[N, classes]``, 0 to 1.
        labels: The model's.
        threshold: For two classes: the second is given from this probability of it upwards.

    Raises:
        MissingDependencyError: If scikit-learn isn't installed.
    """
    sklearn_metrics = import_metrics()
    given = given_classes(probabilities, threshold)
    places = range(len(labels))
    correct = int((given == true_classes).sum())
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        true_classes, given, labels=places, zero_division=0.0
    )
    confusion = sklearn_metrics.confusion_matrix(true_classes, given, labels=places)
    return Metrics(
        n=len(true_classes),
        accuracy=float(sklearn_metrics.accuracy_score(true_classes, given)),
        accuracy_interval=wilson_interval(correct, len(true_classes)),
        # Not balanced_accuracy_score, which warns of classes that are given but have no photos.
        balanced_accuracy=float(recall[support > 0].mean()),
        classes=tuple(
            ClassScores(label, float(precision[place]), float(recall[place]), float(f1[place]), int(support[place]))
            for place, label in enumerate(labels)
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        roc_auc=_roc_auc(true_classes, probabilities),
        log_loss=log_loss(true_classes, probabilities),
    )


def given_classes(probabilities: npt.NDArray[np.floating[Any]], threshold: float) -> npt.NDArray[np.int64]:
    """The class that the classifier decides on for each photo: ``[N, classes]`` to ``[N]``."""
    return np.array([decide(row, threshold) for row in probabilities.tolist()], np.int64)


def log_loss(true_classes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """Mean negative natural logarithm of the true class's probability; finite, see :func:`~tlx.calibration.floored`."""
    places = range(probabilities.shape[1])
    return float(import_metrics().log_loss(true_classes, floored(probabilities), labels=places))


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval for a share, which also holds near 0 and 1 and for few trials.

    Args:
        successes: 0 to ``trials``.
        trials: At least 1.
        confidence: 0 to 1, without both ends.

    Returns:
        Lower and upper bound, 0 to 1.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    centre = share + z**2 / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    # Rounding must not leave the range, nor the share itself outside.
    return max(0.0, min(share, (centre - spread) / scale)), min(1.0, max(share, (centre + spread) / scale))


def _roc_auc(true_classes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]) -> float | None:
    present = np.unique(true_classes)
    if len(present) < 2:  # noqa: PLR2004 - a ranking needs photos of both sides
        return None
    # One class after the other: roc_auc_score's own way wants photos of every class and rows that sum to 1.
    chosen = [1] if probabilities.shape[1] == 2 else present.tolist()  # noqa: PLR2004 - two classes mirror each other
    score = import_metrics().roc_auc_score
    return float(np.mean([score(true_classes == place, probabilities[:, place]) for place in chosen]))
