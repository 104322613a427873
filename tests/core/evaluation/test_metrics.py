"""The figures against tables that were computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tlx.calibration import SMALLEST_PROBABILITY
from tlx.core.evaluation.metrics import measure, wilson_interval

THREE = ("ant", "bee", "cow")


def test_two_classes_by_hand() -> None:
    # cats: 0.9 right, 0.6 right, 0.2 wrong; dogs: 0.8 right, 0.7 right.
    true_classes = np.array([0, 0, 0, 1, 1])
    second = np.array([0.1, 0.4, 0.8, 0.8, 0.7], np.float32)
    metrics = measure(true_classes, np.stack([1 - second, second], axis=1), labels=("cats", "dogs"), threshold=0.5)
    assert (metrics.n, metrics.accuracy) == (5, 4 / 5)
    assert metrics.confusion == ((2, 1), (0, 2))
    cats, dogs = metrics.classes
    assert (cats.label, cats.support, dogs.label, dogs.support) == ("cats", 3, "dogs", 2)
    assert [cats.precision, cats.recall, cats.f1] == pytest.approx([1, 2 / 3, 0.8])
    assert [dogs.precision, dogs.recall, dogs.f1] == pytest.approx([2 / 3, 1, 0.8])
    assert metrics.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    # Of the 6 pairs of a dog and a cat 4 are in order, one ties (a half), one is not.
    assert metrics.roc_auc == pytest.approx(4.5 / 6)
    expected = -sum(math.log(value) for value in (0.9, 0.6, 0.2, 0.8, 0.7)) / 5
    assert metrics.log_loss == pytest.approx(expected, abs=1e-6)


def test_the_threshold_decides_two_classes() -> None:
    second = np.array([0.3, 0.3, 0.1])
    probabilities = np.stack([1 - second, second], axis=1)
    at_half = measure(np.array([1, 1, 0]), probabilities, labels=("no", "yes"), threshold=0.5)
    lower = measure(np.array([1, 1, 0]), probabilities, labels=("no", "yes"), threshold=0.3)
    assert [at_half.accuracy, lower.accuracy] == pytest.approx([1 / 3, 1])


def test_three_classes_of_which_one_has_no_photos() -> None:
    true_classes = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1]])
    metrics = measure(true_classes, probabilities, labels=THREE, threshold=0.5)
    assert metrics.confusion == ((1, 0, 1), (0, 2, 0), (0, 0, 0))
    assert [scores.support for scores in metrics.classes] == [2, 2, 0]
    assert [scores.recall for scores in metrics.classes] == [0.5, 1, 0]
    assert [scores.precision for scores in metrics.classes] == [1, 1, 0]
    assert metrics.balanced_accuracy == pytest.approx((0.5 + 1) / 2)  # of ants and bees
    # ant: 0.5 and 0.2 against 0.1 and 0.4: 3 of 4 in order; bee: 0.8 and 0.5 against 0.3 and 0.2: all.
    assert metrics.roc_auc == pytest.approx((3 / 4 + 1) / 2)
    assert metrics.log_loss == pytest.approx(-np.log([0.5, 0.2, 0.8, 0.5]).mean())


def test_one_class_alone_has_no_ranking() -> None:
    metrics = measure(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]), labels=("no", "yes"), threshold=0.5)
    assert metrics.roc_auc is None
    assert (metrics.accuracy, metrics.balanced_accuracy) == (0.5, 0.5)


def test_rounded_probabilities_are_taken_as_they_come() -> None:
    # int8 and fp16 models give rows that don't sum to 1 exactly, and zeros.
    probabilities = np.array([[1, 0, 0], [0.33, 0.33, 0.33], [0, 0, 1]], np.float32)
    metrics = measure(np.array([0, 1, 1]), probabilities, labels=THREE, threshold=0.5)
    assert metrics.log_loss == pytest.approx((0 + math.log(3) - math.log(SMALLEST_PROBABILITY)) / 3, abs=1e-5)


def test_log_loss_tells_how_wrong_a_sure_mistake_is() -> None:
    probabilities = np.array([[1 - 1e-12, 1e-12], [0.5, 0.5]], np.float32)
    metrics = measure(np.array([1, 0]), probabilities, labels=("no", "yes"), threshold=0.5)
    assert metrics.log_loss == pytest.approx((12 * math.log(10) + math.log(2)) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.27753),
        (10, 10, 0.72247, 1.0),
        (5, 10, 0.23659, 0.76341),
        (1, 1, 0.20655, 1.0),
        (974, 1000, 0.96218, 0.98220),
    ],
)
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize("trials", [1, 7, 5000])
def test_wilson_interval_holds_the_share_and_stays_between_0_and_1(trials: int) -> None:
    for successes in {0, 1, trials // 2, trials}:
        low, high = wilson_interval(successes, trials)
        assert 0 <= low <= successes / trials <= high <= 1
        assert high - low > 0
        for bound in {low, high} - {0, 1}:  # Wilson's definition: shares from which the one seen is just z errors away
            error = math.sqrt(bound * (1 - bound) / trials)
            assert abs(successes / trials - bound) == pytest.approx(1.959964 * error, rel=1e-5)
