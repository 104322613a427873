"""Whether a model is as often right as it says: reliability, its error, and the temperature that would mend it.

After C. Guo et al., *On Calibration of Modern Neural Networks* (2017). Confidence is the probability of the likeliest
class, whatever the decision threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.calibration import at_temperature, floored
from tlx.contract import COLDEST, HOTTEST
from tlx.core.evaluation.metrics import log_loss

BINS: Final = 15
_HALVINGS: Final = 80


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The photos with a confidence above ``low`` and up to ``high``.

    Attributes:
        count: How many; bins without any are left out of tables.
        confidence: Their mean confidence.
        accuracy: The share of them whose likeliest class is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Tempered:
    """The figures of the same photos at a temperature.

    Attributes:
        temperature: See :func:`tlx.calibration.at_temperature`.
        ece: The expected calibration error with it.
        log_loss: The log loss with it.
        bins: The reliability table with it, without empty bins.
    """

    temperature: float
    ece: float
    log_loss: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far confidence and accuracy lie apart.

    Attributes:
        ece: Expected calibration error over :data:`BINS` bins of equal width, 0 to 1, of the probabilities as they are.
        bins: The reliability table, without empty bins.
        temperature: See :func:`fit_temperature`; fitted on these very photos.
        ece_at_temperature: What the error would be with it, on the same photos; None without one.
        log_loss_at_temperature: The same for the log loss.
        carried: The same with the temperature that the model brought along: on photos other than those that it was
            fitted on the honest figure. None if it brought none.
    """

    ece: float
    bins: tuple[ReliabilityBin, ...]
    temperature: float | None
    ece_at_temperature: float | None
    log_loss_at_temperature: float | None
    carried: Tempered | None = None


def calibrate(
    true_classes: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.floating[Any]],
    own_temperature: float | None = None,
) -> Calibration:
    """Measure calibration and fit the temperature.

    Args:
        true_classes: ``[N]``, N at least 1.
        probabilities: ``[N, classes]``, as the model gives them.
        own_temperature: The one that the model brought along.

    Raises:
        MissingDependencyError: If scikit-learn isn't installed.
    """
    table = reliability_table(true_classes, probabilities)
    temperature = fit_temperature(true_classes, probabilities)
    fitted = None if temperature is None else _tempered(true_classes, probabilities, temperature)
    return Calibration(
        ece=calibration_error(table),
        bins=table,
        temperature=temperature,
        ece_at_temperature=fitted.ece if fitted else None,
        log_loss_at_temperature=fitted.log_loss if fitted else None,
        carried=None if own_temperature is None else _tempered(true_classes, probabilities, own_temperature),
    )


def _tempered(
    true_classes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]], temperature: float
) -> Tempered:
    scaled = at_temperature(probabilities, temperature)
    table = reliability_table(true_classes, scaled)
    return Tempered(temperature, calibration_error(table), log_loss(true_classes, scaled), table)


def reliability_table(
    true_classes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy, in bins of equal width over 0 to 1; empty ones are left out."""
    confidence = np.asarray(probabilities, np.float64).max(axis=1)
    right = probabilities.argmax(axis=1) == true_classes
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return tuple(
        ReliabilityBin(
            low=place / bins,
            high=(place + 1) / bins,
            count=int((places == place).sum()),
            confidence=float(confidence[places == place].mean()),
            accuracy=float(right[places == place].mean()),
        )
        for place in np.unique(places).tolist()
    )


def calibration_error(table: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error: |accuracy - confidence| of the bins, weighted by their photos."""
    total = sum(row.count for row in table)
    return sum(row.count * abs(row.accuracy - row.confidence) for row in table) / total


def fit_temperature(true_classes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]) -> float | None:
    """Find the temperature with the lowest log loss.

    The log loss is convex in 1/T, so the place where its slope changes sign is the minimum.

    Args:
        true_classes: ``[N]``.
        probabilities: ``[N, classes]``.

    Returns:
        The temperature, or None where there is none between 0.01 and 100: if every photo is right, colder is always
        better; if the answers are no better than chance, hotter is.
    """
    logits = np.log(floored(probabilities))
    low, high = 1 / HOTTEST, 1 / COLDEST
    if _slope(logits, true_classes, low) >= 0 or _slope(logits, true_classes, high) <= 0:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(logits, true_classes, middle) < 0:
            low = middle
        else:
            high = middle
    return min(HOTTEST, max(COLDEST, 2 / (low + high)))


def _slope(logits: npt.NDArray[np.float64], true_classes: npt.NDArray[np.int64], sharpness: float) -> float:
    """The derivative of the mean log loss with respect to 1/T."""
    scaled = logits * sharpness
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    expected = (shares * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(logits)), true_classes]).mean())
