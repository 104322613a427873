"""How often an engine is right, where the photos' labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlx.bench.agreement import Probabilities, label_indices
from tlx.core.evaluation.metrics import wilson_interval


@dataclass(frozen=True, slots=True)
class Accuracy:
    """On labelled photos.

    Attributes:
        correct: How many got their true label.
        photos: Of how many.
        low: Lower end of the share's 95 % interval (Wilson's), 0–1.
        high: Upper end.
    """

    correct: int
    photos: int
    low: float
    high: float


def judge_accuracy(probabilities: Probabilities, true_classes: Sequence[int], threshold: float) -> Accuracy | None:
    """Compare predictions with the truth.

    Args:
        probabilities: ``float32 [N, classes]``; a row that isn't all numbers is wrong.
        true_classes: ``N`` places among the labels; empty if they aren't known.
        threshold: For two classes: the second is given from this probability of it upwards.

    Returns:
        None if the true labels aren't known.
    """
    if not true_classes:
        return None
    given = label_indices(probabilities, threshold)
    correct = int((given == list(true_classes)).sum())
    low, high = wilson_interval(correct, len(true_classes))
    return Accuracy(correct, len(true_classes), low, high)
