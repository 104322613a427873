"""Calibration against tables by hand and on logits whose temperature is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tlx.calibration import at_temperature
from tlx.contract import COLDEST, HOTTEST
from tlx.core.evaluation.calibration import calibrate, calibration_error, fit_temperature, reliability_table


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def drawn(photos: int, classes: int, seed: int = 0) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Logits and labels that are drawn with exactly their probabilities: perfectly calibrated."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (photos, classes))
    edges = softmax(logits).cumsum(axis=1)
    labels = (generator.random((photos, 1)) > edges[:, :-1]).sum(axis=1)
    return labels, logits


def test_reliability_table_by_hand() -> None:
    # Confidences 0.9 (right), 0.9 (wrong), 0.6 (right) and 0.5 (right: the first of equals).
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6], [0.5, 0.5]])
    table = reliability_table(np.array([0, 0, 1, 0]), probabilities, bins=10)
    assert [(row.low, row.high, row.count) for row in table] == [
        (0.4, 0.5, 1),  # a bin's upper end belongs to it
        (0.5, 0.6, 1),
        (0.8, 0.9, 2),
    ]
    assert [row.confidence for row in table] == pytest.approx([0.5, 0.6, 0.9])
    assert [row.accuracy for row in table] == [1, 1, 0.5]
    assert calibration_error(table) == pytest.approx((0.5 + 0.4 + 2 * 0.4) / 4)


def test_reliability_table_has_a_place_for_certainty() -> None:
    (row,) = reliability_table(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert (row.high, row.count, row.confidence, row.accuracy) == (1, 2, 1, 0.5)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_temperature_finds_the_one_that_was_put_in(classes: int, temperature: float) -> None:
    labels, logits = drawn(20_000, classes)
    # What a model shows whose logits are too large (or too small) by that factor.
    fitted = fit_temperature(labels, softmax(logits * temperature))
    assert fitted == pytest.approx(temperature, rel=0.05)


def test_fit_temperature_is_the_minimum_of_the_log_loss() -> None:
    labels, logits = drawn(500, 3, seed=1)
    probabilities = softmax(logits * 3)
    fitted = fit_temperature(labels, probabilities)
    assert fitted is not None

    def log_loss(temperature: float) -> float:
        return -float(np.log(at_temperature(probabilities, temperature)[np.arange(500), labels]).mean())

    assert log_loss(fitted) < min(log_loss(fitted * 1.01), log_loss(fitted / 1.01))


@pytest.mark.parametrize(
    ("labels", "first"),
    [
        ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.4]),  # all right: colder is always better
        ([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.4]),  # all wrong: hotter is always better
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),  # no temperature changes anything
    ],
)
def test_fit_temperature_says_when_there_is_none(labels: list[int], first: list[float]) -> None:
    probabilities = np.stack([np.array(first), 1 - np.array(first)], axis=1)
    assert fit_temperature(np.array(labels), probabilities) is None
    calibration = calibrate(np.array(labels), probabilities)
    assert (calibration.temperature, calibration.ece_at_temperature, calibration.log_loss_at_temperature) == (None,) * 3


def test_certain_and_wrong_stays_finite() -> None:
    probabilities = np.array([[1, 0]] * 9 + [[0, 1]], np.float32)
    temperature = fit_temperature(np.zeros(10, np.int64), probabilities)
    assert temperature is not None
    assert temperature > 1
    scaled = at_temperature(probabilities, temperature)
    assert scaled[0, 0] == pytest.approx(0.9, abs=1e-3)  # nine of ten are right


def test_calibrate_mends_an_overconfident_model() -> None:
    labels, logits = drawn(5000, 4, seed=2)
    calibration = calibrate(labels, softmax(logits * 3))
    assert calibration.ece > 0.1
    assert calibration.ece_at_temperature is not None
    assert calibration.ece_at_temperature < 0.03
    assert calibration.log_loss_at_temperature == pytest.approx(
        -np.log(softmax(logits)[np.arange(5000), labels]).mean(), abs=0.01
    )


@pytest.mark.parametrize("classes", [2, 5])
def test_reliability_table_is_scikit_learn_s(classes: int) -> None:
    from sklearn.calibration import calibration_curve

    labels, logits = drawn(1000, classes, seed=3)
    probabilities = softmax(logits)
    right = probabilities.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=15)
    table = reliability_table(labels, probabilities)
    np.testing.assert_allclose([row.accuracy for row in table], accuracy)
    np.testing.assert_allclose([row.confidence for row in table], confidence)


def test_a_carried_temperature_is_judged_on_other_photos() -> None:
    labels, logits = drawn(20_000, 3, seed=4)
    probabilities = softmax(logits * 2.5)
    temperature = fit_temperature(labels[:10_000], probabilities[:10_000])
    calibration = calibrate(labels[10_000:], probabilities[10_000:], temperature)
    carried = calibration.carried
    assert carried is not None
    assert carried.temperature == temperature
    assert calibration.ece > 0.1
    assert carried.ece < 0.02
    assert calibration_error(carried.bins) == carried.ece
    # The best one for these photos can only be better by the measure that it minimizes.
    assert calibration.log_loss_at_temperature is not None
    assert calibration.log_loss_at_temperature <= carried.log_loss < calibration.log_loss_at_temperature + 0.001
    assert calibrate(labels, probabilities).carried is None


@pytest.mark.parametrize("temperature", [COLDEST, HOTTEST])
def test_an_extreme_carried_temperature_gives_finite_figures(temperature: float) -> None:
    labels = np.array([0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0, 1], [0.3, 0.7]], np.float32)
    carried = calibrate(labels, probabilities, temperature).carried
    assert carried is not None
    assert np.isfinite(carried.log_loss)
    assert 0 <= carried.ece <= 1
