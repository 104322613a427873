from __future__ import annotations

import numpy as np

from tlx.core.evaluation.mistakes import rank_mistakes


def test_mistakes_are_ranked_by_the_probability_of_the_given_class() -> None:
    probabilities = np.array([[0.3, 0.7], [0.05, 0.95], [0.6, 0.4], [0.3, 0.7], [0.1, 0.9]])
    true_classes = np.array([0, 0, 1, 0, 1])
    mistakes = rank_mistakes(true_classes, np.array([1, 1, 0, 1, 1]), probabilities)
    assert [(one.place, one.true_class, one.given_class, one.probability) for one in mistakes] == [
        (1, 0, 1, 0.95),
        (0, 0, 1, 0.7),
        (3, 0, 1, 0.7),
        (2, 1, 0, 0.6),
    ]
