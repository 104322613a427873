"""Whose turn it is, and how long a turn may take."""

from __future__ import annotations

import random

_SLACK_S = 60.0
_SLOWDOWN = 20


def round_order(engines: int, number: int, seed: int) -> list[int]:
    """The order of the engines in a round: seeded, another one each round."""
    order = list(range(engines))
    random.Random(f"{seed}/{number}").shuffle(order)
    return order


def reply_timeout_s(calls: int, call_ms: float) -> float:
    """How long a worker may take for some calls before it's taken for hanging."""
    return _SLACK_S + _SLOWDOWN * calls * call_ms / 1e3
