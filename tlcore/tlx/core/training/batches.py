"""Batches of cached features, in an order that depends on nothing but the seed and the epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.training.sharing import padded_places
from tlx.core.trunk.store import Rows
from tlx.export.frameworks import import_keras

_BATCHES_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Examples:
    """Features with what they should become.

    Attributes:
        rows: The features, a row a photo.
        targets: ``float32 [N, 1]`` for one sigmoid unit, ``[N, classes]`` (one-hot) for a softmax.
        weights: ``float32 [N]``, how much each counts in the loss; ``None``: all the same.
    """

    rows: Rows
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32] | None = None


def encode_targets(classes: npt.NDArray[np.int32], units: int) -> npt.NDArray[np.float32]:
    """Class indices as what a network with so many output units should give."""
    if units == 1:
        return classes.astype(np.float32)[:, None]
    return np.eye(units, dtype=np.float32)[classes]


def epoch_order(count: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """A permutation of ``count`` places for one epoch of the whole run (from 0)."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def steps_in(count: int, batch_size: int) -> int:
    """Batches in an epoch; the last may be smaller."""
    return math.ceil(count / batch_size)


def make_batches(
    examples: Examples, order: npt.NDArray[np.int64], batch_size: int, *, first_step: int = 0, devices: int = 1
) -> Any:
    """Give a ``keras.utils.PyDataset`` of the batches of an epoch from ``first_step`` on.

    Its items are ``(features, targets)``, or ``(features, targets, weights)`` where the examples have weights. For
    several devices they always have weights, and rows of weight 0 where the batch can't be divided by the devices.
    """
    keras = import_keras()

    class Batches(keras.utils.PyDataset):  # type: ignore[misc,name-defined] # Keras is untyped
        def __init__(self) -> None:
            super().__init__(workers=1, max_queue_size=_BATCHES_AHEAD)

        def __len__(self) -> int:
            return steps_in(len(order), batch_size) - first_step

        def __getitem__(self, step: int) -> tuple[Any, ...]:
            start = (first_step + step) * batch_size
            places = order[start : start + batch_size]
            real = len(places)
            places = places[padded_places(real, devices)]
            features, targets = examples.rows.take(places), examples.targets[places]
            if examples.weights is None and devices == 1:
                return features, targets
            weights = np.ones(len(places), np.float32) if examples.weights is None else examples.weights[places]
            weights[real:] = 0
            return features, targets, weights

    return Batches()
