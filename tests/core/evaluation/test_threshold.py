"""The best threshold for two classes, against tables and against trying all."""

from __future__ import annotations

import numpy as np
import pytest

from tlx.core.evaluation.threshold import best_threshold


@pytest.mark.parametrize(
    ("second", "current", "value", "balanced"),
    [
        ([0.1, 0.2, 0.8, 0.9], 0.5, 0.5, 1.0),  # 0.5 is as good as any: it stays
        ([0.1, 0.2, 0.8, 0.9], 0.3, 0.3, 1.0),  # and so does another one that is in use
        ([0.1, 0.2, 0.8, 0.9], 0.9, 0.5, 1.0),  # the middle of 0.2 to 0.8
        ([0.1, 0.2, 0.3, 0.4], 0.5, 0.25, 1.0),
        ([0.6, 0.7, 0.8, 0.9], 0.5, 0.75, 1.0),
        ([0.1, 0.7, 0.6, 0.9], 0.5, 0.5, 0.75),  # 0.8 gives 0.75, too, but is farther from 0.5
        ([0.5, 0.5, 0.5, 0.5], 0.5, 0.5, 0.5),  # nothing to choose
        ([0.0, 0.0, 0.0, 1.0], 0.5, 0.5, 0.75),
        ([0.9, 0.8, 0.2, 0.1], 0.5, 0.05, 0.5),  # upside down: always the second is the best there is
    ],
)
def test_best_threshold(second: list[float], current: float, value: float, balanced: float) -> None:
    best = best_threshold(np.array([0, 0, 1, 1]), np.array(second), current)
    assert best is not None
    assert best.value == pytest.approx(value)
    assert best.balanced_accuracy == pytest.approx(balanced)


def test_one_class_alone_has_no_threshold() -> None:
    assert best_threshold(np.array([1, 1]), np.array([0.2, 0.8])) is None


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_does_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    true_classes = generator.integers(0, 2, 80)
    second = np.clip(generator.normal(0.3 + 0.2 * true_classes, 0.15), 0, 1).astype(np.float32)

    def balanced_accuracy(threshold: float) -> float:
        given = second >= threshold
        return float((given[true_classes == 1].mean() + (~given[true_classes == 0]).mean()) / 2)

    best = best_threshold(true_classes, second)
    assert best is not None
    assert balanced_accuracy(best.value) == pytest.approx(best.balanced_accuracy)
    assert best.balanced_accuracy >= max(balanced_accuracy(value) for value in np.linspace(0, 1, 2001)) - 1e-12
