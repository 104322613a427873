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


def judge_accuracy(
    probabilities: Probabilities, true_classes: Sequence[int | None], threshold: float
) -> Accuracy | None:
    """Compare predictions with the truth, on the photos of which it's known.

    Args:
        probabilities: ``float32 [N, classes]``; a row that isn't all numbers is wrong.
        true_classes: ``N`` places among the labels, None where a photo has none; empty if none has one.
        threshold: For two classes: the second is given from this probability of it upwards.

    Returns:
        None if no true label is known.
    """
    truth = {photo: place for photo, place in enumerate(true_classes) if place is not None}
    if not truth:
        return None
    given = label_indices(probabilities, threshold)
    correct = sum(int(given[photo]) == place for photo, place in truth.items())
    low, high = wilson_interval(correct, len(truth))
    return Accuracy(correct, len(truth), low, high)
