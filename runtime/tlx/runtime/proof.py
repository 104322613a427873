"""A device's proof that it computes what the model's maker computed: the contract's known answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tlx.errors import ModelFileError
from tlx.known_answers import synthetic_picture

if TYPE_CHECKING:
    from tlx.runtime.classifier import Classifier


def measure_known_answers(classifier: Classifier) -> float | None:
    """Classify the contract's synthetic pictures and compare with the answers that it holds.

    Args:
        classifier: A loaded model.

    Returns:
        The largest difference of a probability, or None if the contract holds no known answers.

    Raises:
        ModelFileError: If the model fails or gives something else than probabilities.
    """
    known = classifier.contract.known_answers
    if known is None:
        return None
    largest = 0.0
    for answer in known.answers:
        picture = synthetic_picture(answer.seed, classifier.contract.input.size_hw)
        got = classifier.classify(picture).probabilities
        for expected, value in zip(answer.probabilities, got, strict=True):
            largest = max(largest, abs(expected - value) if math.isfinite(value) else math.inf)
    return largest


def prove_known_answers(classifier: Classifier) -> float | None:
    """As :func:`measure_known_answers`, for whoever can't go on with a wrong answer.

    Raises:
        ModelFileError: If a difference is beyond the contract's tolerance.
    """
    largest = measure_known_answers(classifier)
    known = classifier.contract.known_answers
    if known is not None and largest is not None and not largest <= known.tolerance:
        raise ModelFileError(
            f"{classifier.source}: gives other answers here than where it was made (largest difference of a "
            f"probability {largest:.2g}, allowed {known.tolerance:g}): this device computes it wrongly"
        )
    return largest
