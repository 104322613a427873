"""Whether a model is as often right as it says: reliability, its error, and the temperature that would mend it.

After C. Guo et al., *On Calibration of Modern Neural Networks* (2017). Confidence is the probability of the likeliest
class, whatever the decision threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.core.evaluation.metrics import floored

BINS: Final = 15
_COLDEST, _HOTTEST = 0.01, 100.0
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
class Calibration:
    """How far confidence and accuracy lie apart.

    Attributes:
        ece: Expected calibration error over :data:`BINS` bins of equal width, 0 to 1.
        bins: The reliability table, without empty bins.
        temperature: See :func:`fit_temperature`; fitted on these very photos.
        ece_at_temperature: What the error would be with it, on the same photos; None without one.
        log_loss_at_temperature: The same for the log loss.
    """

    ece: float
    bins: tuple[ReliabilityBin, ...]
    temperature: float | None
    ece_at_temperature: float | None
    log_loss_at_temperature: float | None


def calibrate(true_classes: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]) -> Calibration:
    """Measure calibration and fit the temperature.

    Args:
        true_classes: ``[N]``, N at least 1.
        probabilities: ``[N, classes]``.
    """
    table = reliability_table(true_classes, probabilities)
    temperature = fit_temperature(true_classes, probabilities)
    if temperature is None:
        return Calibration(calibration_error(table), table, None, None, None)
    scaled = at_temperature(probabilities, temperature)
    return Calibration(
        ece=calibration_error(table),
        bins=table,
        temperature=temperature,
        ece_at_temperature=calibration_error(reliability_table(true_classes, scaled)),
        log_loss_at_temperature=-float(np.log(scaled[np.arange(len(scaled)), true_classes]).mean()),
    )


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


def calibration_error(table: tuple[ReliabilityBin, ...]) -> float:
    """The expected calibration error: |accuracy - confidence| of the bins, weighted by their photos."""
    total = sum(row.count for row in table)
    return sum(row.count * abs(row.accuracy - row.confidence) for row in table) / total


def at_temperature(probabilities: npt.NDArray[np.floating[Any]], temperature: float) -> npt.NDArray[np.float64]:
    """What the probabilities become when the logits are divided by a temperature: ``softmax(log p / T)``.

    Above 1 they move towards each other, below 1 apart; their order stays.

    Args:
        probabilities: ``[N, classes]``; see :func:`~tlx.core.evaluation.metrics.floored` for very small ones.
        temperature: Above 0.

    Returns:
        ``[N, classes]``, each row summing to 1.
    """
    logits = np.log(floored(probabilities)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


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
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    if _slope(logits, true_classes, low) >= 0 or _slope(logits, true_classes, high) <= 0:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(logits, true_classes, middle) < 0:
            low = middle
        else:
            high = middle
    return 2 / (low + high)


def _slope(logits: npt.NDArray[np.float64], true_classes: npt.NDArray[np.int64], sharpness: float) -> float:
    """The derivative of the mean log loss with respect to 1/T."""
    scaled = logits * sharpness
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    expected = (shares * logits).sum(axis=1)
    return float((expected - logits[np.arange(len(logits)), true_classes]).mean())
