"""The threshold that would have told two classes apart best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.evaluation.scikit_learn import import_metrics


@dataclass(frozen=True, slots=True)
class BestThreshold:
    """The second class is given from ``value`` of its probability upwards.

    Attributes:
        value: 0 to 1.
        balanced_accuracy: With it, on the very photos that it was chosen on: on others it will be lower.
    """

    value: float
    balanced_accuracy: float


def best_threshold(
    true_classes: npt.NDArray[np.int64], second_probability: npt.NDArray[np.floating[Any]], current: float = 0.5
) -> BestThreshold | None:
    """Find the threshold with the highest balanced accuracy.

    Every threshold between two neighbouring probabilities decides the same. Of the best stretches the one nearest
    to the current threshold is taken, and in it the current one itself or else the middle, which is farthest from the
    photos on both sides.

    Args:
        true_classes: ``[N]``, 0 or 1.
        second_probability: ``[N]``, of class 1.
        current: The threshold in use, which is kept where no other does better.

    Returns:
        None if the photos are all of one class.
    """
    if len(np.unique(true_classes)) < 2:  # noqa: PLR2004 - nothing to tell apart
        return None
    scores = np.asarray(second_probability, np.float64)
    false_positives, true_positives, tops = import_metrics().roc_curve(
        true_classes == 1, scores, drop_intermediate=False
    )
    # The first point stands for "never": as good as the last one, "always".
    balanced = (1 + true_positives - false_positives)[1:] / 2
    tops = tops[1:]
    bottoms = np.append(tops[1:], 0.0)
    best = balanced >= balanced.max() - 1e-12  # sums of the same shares may differ in the last bit
    values = [_in_stretch(bottom, top, current) for bottom, top in zip(bottoms[best], tops[best], strict=True)]
    return BestThreshold(min(values, key=lambda value: abs(value - current)), float(balanced.max()))


def _in_stretch(bottom: float, top: float, current: float) -> float:
    """A value above ``bottom`` and not above ``top``."""
    return current if bottom < current <= top else float((bottom + top) / 2)
