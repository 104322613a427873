"""Exact binomial chances and confidence limits (Clopper and Pearson 1934), without a statistics package."""

from __future__ import annotations

import math
from typing import Final

_HALVINGS: Final = 50


def upper_limit(successes: int, trials: int, error: float) -> float:
    """The largest proportion under which so few successes have at least the probability ``error``.

    Args:
        successes: From 0 to ``trials``.
        trials: At least 1.
        error: Of this one side: 0.05 for a limit of 95 %.
    """
    return 1.0 if successes == trials else _where_at_most(successes, trials, error)


def lower_limit(successes: int, trials: int, error: float) -> float:
    """The smallest proportion under which so many successes have at least the probability ``error``."""
    return 0.0 if successes == 0 else _where_at_most(successes - 1, trials, 1 - error)


def at_least(successes: int, trials: int, probability: float) -> float:
    """The chance of at least so many successes."""
    if successes <= 0 or probability >= 1:
        return 1.0
    logs = (math.log(probability), math.log1p(-probability))
    terms = (
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * logs[0]
        + (trials - k) * logs[1]
        for k in range(successes, trials + 1)
    )
    return min(1.0, sum(math.exp(term) for term in terms))


def _where_at_most(successes: int, trials: int, probability: float) -> float:
    """The proportion under which at most so many successes have this probability: it falls as that grows."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(successes, trials, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(successes: int, trials: int, proportion: float) -> float:
    """The probability of at most so many successes, fewer than trials; ``proportion`` lies within 0 and 1."""
    log_odds = math.log(proportion) - math.log1p(-proportion)
    log_term = trials * math.log1p(-proportion)
    total = math.exp(log_term)
    for count in range(successes):
        log_term += math.log((trials - count) / (count + 1)) + log_odds
        total += math.exp(log_term)
    return total
