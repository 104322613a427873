from __future__ import annotations

import pytest

from tlx.bench.warm_up import is_stable, longest_s, window_calls


@pytest.mark.parametrize(
    ("medians_ms", "stable"),
    [
        ([], False),
        ([10.0, 10.0], False),
        ([10.0, 10.0, 10.0], True),
        # Still falling.
        ([40.0, 20.0, 10.0], False),
        ([40.0, 20.0, 10.0, 9.0, 8.9, 8.9], True),
        # Slower is the machine's noise: the engine is warm.
        ([10.0, 10.0, 15.0], True),
        ([10.0, 15.0, 10.0], False),
        ([10.0, 10.0, 9.8], True),
    ],
)
def test_an_engine_is_warm_when_its_times_have_stopped_to_fall(medians_ms: list[float], stable: bool) -> None:
    assert is_stable(medians_ms) is stable


@pytest.mark.parametrize(("call_ms", "calls"), [(0.0, 6), (30.0, 6), (200.0, 3), (5000.0, 2)])
def test_windows_of_slow_engines_are_shorter(call_ms: float, calls: int) -> None:
    assert window_calls(call_ms) == calls


def test_warming_up_takes_a_quarter_of_the_bench_at_most() -> None:
    assert longest_s(120.0, 5) == 6.0
    assert longest_s(20.0, 5) == 1.0
