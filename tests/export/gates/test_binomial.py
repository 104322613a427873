"""Exact limits against the textbook and against exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tlx.export.gates.binomial import lower_limit, upper_limit


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Clopper and Pearson 1934, 95 % two-sided; the closed forms of no success and of successes alone.
        (0, 10, 0.0, 1 - 0.025**0.1),
        (10, 10, 0.025**0.1, 1.0),
        (0, 1, 0.0, 0.975),
        (1, 1, 0.025, 1.0),
        (3, 10, 0.0667, 0.6525),
        (5, 10, 0.1871, 0.8129),
    ],
)
def test_limits_of_the_textbook(successes: int, trials: int, low: float, high: float) -> None:
    assert lower_limit(successes, trials, 0.025) == pytest.approx(low, abs=5e-5)
    assert upper_limit(successes, trials, 0.025) == pytest.approx(high, abs=5e-5)


def at_most(successes: int, trials: int, proportion: Fraction) -> Fraction:
    return sum(
        (math.comb(trials, k) * proportion**k * (1 - proportion) ** (trials - k) for k in range(successes + 1)),
        Fraction(0),
    )


@pytest.mark.parametrize(("successes", "trials"), [(1, 7), (20, 150), (149, 150)])
def test_limits_are_where_exact_arithmetic_puts_them(successes: int, trials: int) -> None:
    high = Fraction(upper_limit(successes, trials, 0.05))
    assert float(at_most(successes, trials, high)) == pytest.approx(0.05, abs=1e-9)
    low = Fraction(lower_limit(successes, trials, 0.05))
    assert float(1 - at_most(successes - 1, trials, low)) == pytest.approx(0.05, abs=1e-9)


def test_limits_of_many_trials_are_finite() -> None:
    assert 0 < lower_limit(400, 100_000, 0.05) < 0.004 < upper_limit(400, 100_000, 0.05) < 0.0045
