"""What a carried temperature does to probabilities: plain numpy, for training and for the edge alike.

A model file gives its probabilities as the network computes them (parity is proven on those); the temperature that
was fitted to them (:class:`tlx.contract.CalibrationRecord`) is applied afterwards, by whoever wants it. It changes how
sure an answer sounds, never the order of the classes: decide by the probabilities as they come, since a threshold
other than 0.5 is meant for those.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

SMALLEST_PROBABILITY: Final = float(np.finfo(np.float64).eps)
"""Probabilities count as at least this much where their logarithm is taken, as scikit-learn does it.

A softmax tells smaller ones apart than 1e-7, so float32's own precision would hide how wrong a sure mistake is; a zero
needs some floor.
"""


def at_temperature(probabilities: npt.NDArray[np.floating[Any]], temperature: float) -> npt.NDArray[np.float64]:
    """What the probabilities become when the logits are divided by a temperature: ``softmax(log p / T)``.

    Above 1 they move towards each other, below 1 apart; their order stays.

    Args:
        probabilities: ``[N, classes]``, N may be 0; see :func:`floored` for very small ones.
        temperature: As :class:`tlx.contract.CalibrationRecord` bounds it.

    Returns:
        ``[N, classes]``, each row summing to 1; very cold ones may round to 0 and 1.
    """
    logits = np.log(floored(probabilities)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def floored(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Probabilities of at least :data:`SMALLEST_PROBABILITY`, each row summing to 1."""
    raised = np.clip(np.asarray(probabilities, np.float64), SMALLEST_PROBABILITY, 1)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
