"""The interval of a ratio holds what it states: over many draws from distributions whose medians are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tlx.bench.comparing.ratio import ratio_of_medians
from tlx.bench.statistics import independent_rounds

Series = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, int], Series]
DRAWS = 1000


def normal(generator: np.random.Generator, rounds: int) -> Series:
    return generator.standard_normal(rounds)


def skewed(generator: np.random.Generator, rounds: int) -> Series:
    """What latencies look like: a floor and a tail."""
    return generator.lognormal(0.0, 0.8, rounds) - 1.0


def heavy_tailed(generator: np.random.Generator, rounds: int) -> Series:
    return generator.standard_t(2, rounds)


def two_modes(generator: np.random.Generator, rounds: int) -> Series:
    """Two clock frequencies, say; the median lies between them."""
    return np.where(generator.random(rounds) < 0.5, -1.0, 1.0) + 0.1 * generator.standard_normal(rounds)


def with_memory(correlation: float) -> Noise:
    """Something else on the machine comes and goes: each round resembles the one before."""

    def draw(generator: np.random.Generator, rounds: int) -> Series:
        values = generator.standard_normal(rounds)
        for place in range(1, rounds):
            values[place] = correlation * values[place - 1] + np.sqrt(1 - correlation**2) * values[place]
        return values

    return draw


def draws(noise: Noise, *, rounds: tuple[int, int], spreads: tuple[float, float], shift: float = 1.0) -> Series:
    """The intervals of many comparisons: ``[draws, 2]``, NaN where there is none."""
    generator = np.random.default_rng(7)
    found = []
    for _ in range(DRAWS):
        before, after = (
            10.0 * factor * np.exp(spread * noise(generator, count))
            for factor, spread, count in zip((1.0, shift), spreads, rounds, strict=True)
        )
        ratio = ratio_of_medians(before.tolist(), after.tolist())
        found.append((np.nan if ratio.low is None else ratio.low, np.nan if ratio.high is None else ratio.high))
    return np.array(found)


def share_excluding(intervals: Series, value: float) -> float:
    """Of all draws; without an interval nothing is said."""
    return float(((intervals[:, 0] > value) | (intervals[:, 1] < value)).mean())


NOISES: dict[str, Noise] = {
    "normal": normal,
    "skewed": skewed,
    "heavy tails": heavy_tailed,
    "two modes": two_modes,
    "memory 0.3": with_memory(0.3),
    "memory 0.6": with_memory(0.6),
    "memory 0.8": with_memory(0.8),
}


@pytest.mark.parametrize("rounds", [(8, 8), (20, 20), (20, 60), (100, 100)], ids=str)
@pytest.mark.parametrize("spreads", [(0.03, 0.03), (0.01, 0.08)], ids=["alike", "one noisier"])
@pytest.mark.parametrize("noise", NOISES)
def test_equal_programs_are_called_different_in_less_than_5_percent(
    noise: str, spreads: tuple[float, float], rounds: tuple[int, int]
) -> None:
    intervals = draws(NOISES[noise], rounds=rounds, spreads=spreads)
    assert share_excluding(intervals, 1.0) <= 0.05


@pytest.mark.parametrize("shift", [0.5, 0.9, 1.05, 1.3])
@pytest.mark.parametrize("noise", ["normal", "skewed", "heavy tails"])
def test_the_interval_holds_a_known_shift(noise: str, shift: float) -> None:
    intervals = draws(NOISES[noise], rounds=(20, 30), spreads=(0.03, 0.05), shift=shift)
    assert share_excluding(intervals, shift) <= 0.05


@pytest.mark.parametrize(("rounds", "shift"), [(20, 1.1), (100, 1.03)])
def test_a_shift_that_the_sample_can_show_is_shown(rounds: int, shift: float) -> None:
    intervals = draws(normal, rounds=(rounds, rounds), spreads=(0.03, 0.03), shift=shift)
    assert (intervals[:, 0] > 1.0).mean() > 0.95


def test_too_few_rounds_give_no_interval() -> None:
    ratio = ratio_of_medians([10.0, 10.1, 10.2, 10.3, 10.4], [12.0] * 20)
    assert ratio.value == pytest.approx(12 / 10.2)
    assert (ratio.low, ratio.high) == (None, None)


def test_rounds_that_all_resemble_each_other_give_no_interval() -> None:
    # It became slower once, in the middle: that's one event, not twenty.
    ratio = ratio_of_medians([10.0] * 10 + [12.0] * 10, [11.0, 10.0] * 10)
    assert (ratio.low, ratio.high) == (None, None)


def test_a_bench_beside_itself_shows_nothing() -> None:
    times_ms = (10 + np.random.default_rng(0).random(20)).tolist()
    ratio = ratio_of_medians(times_ms, times_ms)
    assert ratio.value == 1.0
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low == pytest.approx(1 / ratio.high)
    assert ratio.low < 1 < ratio.high


def test_times_that_do_not_vary_give_an_interval_without_width() -> None:
    ratio = ratio_of_medians([10.0] * 8, [11.0] * 8)
    assert ratio.low == ratio.value == ratio.high == pytest.approx(1.1)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 2000), (0.5, 2000 / 3), (0.8, 2000 / 9)])
def test_independent_rounds_of_a_series_with_memory(correlation: float, expected: float) -> None:
    series = with_memory(correlation)(np.random.default_rng(0), 2000)
    assert independent_rounds(series) == pytest.approx(expected, rel=0.15)
