"""What a temperature does to probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from tlx.calibration import SMALLEST_PROBABILITY, at_temperature, floored
from tlx.contract import COLDEST, HOTTEST


def test_at_temperature_by_hand() -> None:
    odds = np.array([[0.2, 0.8]])  # 1 to 4: at 2 it's the square root, at 0.5 the square
    np.testing.assert_allclose(at_temperature(odds, 1), odds)
    np.testing.assert_allclose(at_temperature(odds, 2), [[1 / 3, 2 / 3]])
    np.testing.assert_allclose(at_temperature(odds, 0.5), [[1 / 17, 16 / 17]])


@pytest.mark.parametrize("classes", [2, 3, 1000])
@pytest.mark.parametrize("temperature", [COLDEST, 0.3, 1.7, HOTTEST])
def test_at_temperature_keeps_the_order(classes: int, temperature: float) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (50, classes)).astype(np.float32)
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    scaled = at_temperature(probabilities, temperature)
    assert scaled.shape == (50, classes)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    in_order = np.take_along_axis(scaled, probabilities.argsort(axis=1), axis=1)
    assert (np.diff(in_order, axis=1) >= 0).all()
    np.testing.assert_array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))


@pytest.mark.parametrize("temperature", [COLDEST, 1.0, HOTTEST])
def test_at_temperature_takes_certainty_and_rows_that_are_off_by_rounding(temperature: float) -> None:
    probabilities = np.array([[1, 0], [0, 1], [1e-45, 1], [0.5, 0.5], [1.0000001, 1e-7], [0.33, 0.33]], np.float32)
    scaled = at_temperature(probabilities, temperature)
    assert np.isfinite(scaled).all()
    assert (scaled >= 0).all()
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    np.testing.assert_allclose(scaled[[3, 5]], 0.5)


def test_at_temperature_takes_no_photos_as_well() -> None:
    assert at_temperature(np.empty((0, 3), np.float32), 2).shape == (0, 3)


def test_floored_leaves_what_is_large_enough() -> None:
    np.testing.assert_allclose(floored(np.array([[0.25, 0.75]])), [[0.25, 0.75]])
    assert floored(np.array([[0.0, 1.0]]))[0, 0] == pytest.approx(SMALLEST_PROBABILITY)
