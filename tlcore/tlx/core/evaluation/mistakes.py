"""The photos on which a model is most sure of a wrong answer: its own errors, or those of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Mistake:
    """One photo with a wrong answer.

    Attributes:
        place: Of the photo, from 0.
        true_class: Its label's place.
        given_class: The place of the label that it was given.
        probability: Of that one, 0 to 1.
    """

    place: int
    true_class: int
    given_class: int
    probability: float


def rank_mistakes(
    true_classes: npt.NDArray[np.int64],
    given: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.floating[Any]],
) -> tuple[Mistake, ...]:
    """All mistakes, the most confident first (of equals in the order of the photos).

    Args:
        true_classes: ``[N]``.
        given: ``[N]``.
        probabilities: ``[N, classes]``.
    """
    wrong = np.flatnonzero(given != true_classes)
    mistakes = [
        Mistake(place, int(true_classes[place]), int(given[place]), float(probabilities[place, given[place]]))
        for place in wrong.tolist()
    ]
    return tuple(sorted(mistakes, key=lambda mistake: -mistake.probability))
