"""What a person may ask for."""

from __future__ import annotations

import math

import pytest

from tlx.core.compress.bounds import Bounds
from tlx.errors import InputError


@pytest.mark.parametrize(
    ("bounds", "limit_ms"),
    [
        (Bounds(speedup=8), 5.0),
        (Bounds(latency_ms=3), 3.0),
        # The stricter of the two.
        (Bounds(speedup=8, latency_ms=3), 3.0),
        (Bounds(speedup=20, latency_ms=3), 2.0),
        (Bounds(speedup=4, max_drop=0), 10.0),
        (Bounds(max_drop=0.5), None),
    ],
)
def test_the_time_allowed_follows_from_the_original(bounds: Bounds, limit_ms: float | None) -> None:
    assert bounds.limit_ms(40.0) == limit_ms


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (Bounds(max_drop=1), False),
        (Bounds(speedup=8), False),
        (Bounds(speedup=8.1), True),
        (Bounds(latency_ms=5), False),
        (Bounds(latency_ms=4.9), True),
        (Bounds(speedup=8, latency_ms=4.9), True),
    ],
)
def test_a_speed_is_missed_by_what_no_round_had(bounds: Bounds, expected: bool) -> None:
    assert bounds.misses_speed([7.0, 8.0, 7.5], [5.6, 5.0, 5.3]) is expected


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "needs to know what you want: --speedup 12, --latency-ms 3 or --max-drop 0.5"),
        ({"speedup": 1}, "--speedup 1: expected more than 1"),
        ({"speedup": -3}, "--speedup -3: expected more than 1"),
        ({"speedup": math.nan}, "--speedup nan: expected more than 1"),
        ({"speedup": math.inf}, "--speedup inf: expected more than 1"),
        ({"latency_ms": 0}, "--latency-ms 0: expected more than 0"),
        ({"latency_ms": math.nan}, "--latency-ms nan: expected more than 0"),
        ({"latency_ms": math.inf}, "--latency-ms inf: expected more than 0"),
        ({"max_drop": -0.1}, "--max-drop -0.1: expected points from 0 to 100"),
        ({"max_drop": 100.5}, "--max-drop 100.5: expected points from 0 to 100"),
        ({"speedup": 2, "max_drop": math.nan}, "--max-drop nan: expected points from 0 to 100"),
    ],
)
def test_what_can_not_be_asked_for_is_refused(bounds: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Bounds(**bounds)


def test_the_record_names_what_is_bound() -> None:
    assert Bounds(speedup=8, max_drop=0).document() == {"speedup": 8, "max_drop": 0}
