from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tlx.export.precision.ranges import BINS, count_values
from tlx.export.precision.thresholds import Histogram, Range, entropy_range, percentile_range

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(0, 1, 200_000)


def histogram_of(values: object) -> Histogram:
    array = np.asarray(values, np.float32)
    within = Range(float(array.min(initial=0)), float(array.max(initial=0)))
    return Histogram(count_values(array, within).astype(np.int64), within)


def test_values_are_counted_in_equal_parts_of_the_range() -> None:
    counts = count_values(np.array([[0, 0, 1.999], [4, 2, 2]], np.float32), Range(0, 4))
    assert counts.shape == (BINS,)
    assert {int(place): int(counts[place]) for place in counts.nonzero()[0]} == {
        0: 2,
        BINS // 2 - 1: 1,
        BINS // 2: 2,
        BINS - 1: 1,
    }


def test_values_beyond_the_range_count_at_its_ends() -> None:
    counts = count_values(np.array([-9, 9, 9], np.float32), Range(-1, 1))
    assert (counts[0], counts[-1], counts.sum()) == (1, 2, 3)


@pytest.mark.parametrize("cut", [percentile_range, entropy_range])
@pytest.mark.parametrize("constant", [0.0, 3.5, -2.0])
def test_a_tensor_of_one_value_keeps_its_range(cut: Callable[[Histogram], Range], constant: float) -> None:
    found = cut(histogram_of(np.full(1000, constant)))
    assert found.low == pytest.approx(min(constant, 0), abs=0.01)
    assert found.high == pytest.approx(max(constant, 0), abs=0.01)


@pytest.mark.parametrize("middle", [1000.0, -1000.0])
def test_nearly_constant_tensors_are_no_more_work_than_others(middle: float) -> None:
    found = entropy_range(histogram_of(middle + RANDOM.normal(0, 1e-4, 1000)))
    assert max(-found.low, found.high) == pytest.approx(1000, rel=0.01)


def test_a_range_without_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="holds zero"):
        Histogram(np.ones(BINS, np.int64), Range(1, 2))


def test_percentile_cuts_the_same_share_from_both_ends() -> None:
    found = percentile_range(histogram_of(NORMAL), 95)
    assert found.low == pytest.approx(-1.96, abs=0.02)
    assert found.high == pytest.approx(1.96, abs=0.02)


def test_percentile_of_100_keeps_everything() -> None:
    histogram = histogram_of(NORMAL)
    found = percentile_range(histogram, 100)
    assert found.low == pytest.approx(histogram.within.low)
    assert found.high == pytest.approx(histogram.within.high)


def test_percentile_keeps_the_zeros_of_a_relu() -> None:
    found = percentile_range(histogram_of(np.maximum(NORMAL, 0)), 90)
    assert found.low == 0
    assert found.high == pytest.approx(1.645, abs=0.02)


def test_percentile_by_default_cuts_off_only_what_is_rare() -> None:
    values = np.append(np.abs(NORMAL), 100.0)  # one in 200,001
    assert percentile_range(histogram_of(values)).high < 6
    assert percentile_range(histogram_of(np.append(values, np.full(20, 100.0)))).high == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize("outlier", [20.0, 50.0])
def test_entropy_cuts_off_outliers(outlier: float) -> None:
    found = entropy_range(histogram_of(np.append(np.maximum(NORMAL, 0), outlier)))
    assert found.low == 0
    assert 2.5 < found.high < 0.5 * outlier


def test_entropy_keeps_the_range_of_values_that_are_spread_evenly() -> None:
    found = entropy_range(histogram_of(RANDOM.uniform(0, 1, 500_000)))
    assert found.high > 0.98


def test_entropy_cuts_both_ends_but_widens_neither() -> None:
    found = entropy_range(histogram_of(np.append(NORMAL[NORMAL > -0.5], 30.0)))
    assert found.low == pytest.approx(-0.5, abs=0.01)
    assert 2.5 < found.high < 20


def test_entropy_has_no_vote_of_exact_zeros() -> None:
    dense = np.abs(NORMAL)
    sparse = np.append(dense, np.zeros(5 * len(dense)))
    assert entropy_range(histogram_of(sparse)).high == pytest.approx(entropy_range(histogram_of(dense)).high, rel=0.1)
