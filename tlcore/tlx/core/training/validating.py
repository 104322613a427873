"""How a network does on the validation photos."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.photos import Photo
from tlx.core.training.batches import Examples, make_batches
from tlx.core.trunk.extraction import ViewMaker, view_batches
from tlx.export.frameworks import import_keras, prediction_jit
from tlx.export.keras_model import class_probabilities
from tlx.progress import Progress, silent

_BATCH = 64
_SMALLEST_PROBABILITY = 1e-7
"""As Keras clips them in its own cross-entropy."""


def predict(tail: Any, examples: Examples) -> npt.NDArray[np.float32]:
    """The tail's probabilities: ``float32 [N, classes]``, a row for each example."""
    batches = make_batches(examples, np.arange(len(examples.rows)), _BATCH)
    return class_probabilities(np.asarray(tail.predict(batches, verbose=0)))


def predict_photos(
    classifier: Any, photos: Sequence[Photo], maker: ViewMaker, progress: Progress = silent
) -> npt.NDArray[np.float32]:
    """A whole network's probabilities for photo files: ``float32 [N, classes]``.

    Raises:
        ImageError: If a photo can't be read any more.
    """
    # A model of its own, so that the classifier isn't saved with an optimizer.
    predictor = import_keras().Model(classifier.inputs, classifier.outputs[0])
    predictor.compile(jit_compile=prediction_jit())
    with closing(view_batches([(photo, 0) for photo in photos], maker)) as batches:
        outputs = []
        for views_rgb in batches:
            outputs.append(np.asarray(predictor.predict_on_batch(views_rgb)))
            progress("judging the result", sum(map(len, outputs)), len(photos))
    return class_probabilities(np.concatenate(outputs))


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
