"""How a network does on the validation photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.training.batches import Examples, make_batches
from tlx.export.keras_model import class_probabilities

_BATCH = 64
_SMALLEST_PROBABILITY = 1e-7
"""As Keras clips them in its own cross-entropy."""


def predict(tail: Any, examples: Examples) -> npt.NDArray[np.float32]:
    """The tail's probabilities: ``float32 [N, classes]``, a row for each example."""
    batches = make_batches(examples, np.arange(len(examples.rows)), _BATCH)
    return class_probabilities(np.asarray(tail.predict(batches, verbose=0)))


def accuracy_and_loss(probabilities: npt.NDArray[np.float32], classes: npt.NDArray[np.int32]) -> tuple[float, float]:
    """The share of right answers, and the mean cross-entropy (natural logarithm).

    Args:
        probabilities: ``[N, classes]``.
        classes: ``[N]``, the right ones.
    """
    of_the_right = probabilities[np.arange(len(classes)), classes].astype(np.float64)
    loss = -np.log(np.clip(of_the_right, _SMALLEST_PROBABILITY, 1)).mean()
    if not np.isfinite(probabilities).all():
        loss = np.nan
    return float((probabilities.argmax(axis=1) == classes).mean()), float(loss)
