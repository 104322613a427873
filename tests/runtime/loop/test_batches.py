from __future__ import annotations

import pytest

from tlx.runtime.loop.ages import AgeHistogram
from tlx.runtime.loop.batches import BatchChooser, fastest
from tlx.runtime.loop.ordered import plan_threads


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({1: 0.10}, 1),
        ({1: 0.10, 2: 0.10, 4: 0.10}, 1),  # no gain: the smaller one takes less memory
        ({1: 0.10, 2: 0.099, 4: 0.0985}, 1),  # within the noise
        ({1: 0.10, 2: 0.08, 4: 0.079}, 2),
        ({1: 0.10, 2: 0.11, 4: 0.05, 8: 0.06}, 4),
    ],
)
def test_fastest(seconds: dict[int, float], expected: int) -> None:
    assert fastest(seconds) == expected


@pytest.mark.parametrize(("fixed", "expected"), [(0.0, 1), (9.0, 8)])
def test_the_chooser_tries_all_sizes_on_the_job_and_keeps_the_fastest(fixed: float, expected: int) -> None:
    """A run takes a second for each picture, and ``fixed`` ones more."""
    chooser = BatchChooser()
    given = []
    for _ in range(100):
        size = chooser.size()
        given.append(size)
        first_of_its_size = given.count(size) == 1
        chooser.record(size, (size + fixed) * (100 if first_of_its_size else 1))
    assert set(given[:-50]) == {1, 2, 4, 8}
    assert set(given[-50:]) == {expected}
    assert given[0] == 1  # the first result comes as soon as it can


def test_the_chooser_doesnt_decide_by_batches_that_were_never_full() -> None:
    chooser = BatchChooser()
    for _ in range(100):
        assert chooser.size() <= 2
        chooser.record(1, 1.0)


@pytest.mark.parametrize(
    ("pictures", "processors", "expected"),
    [
        (1, 2, (1, 2)),  # one photo is soonest done by all processors
        (4, 2, (1, 2)),
        (5, 2, (2, 1)),
        (None, 4, (4, 1)),  # a list on stdin
        (1000, 1, (1, 1)),
    ],
)
def test_plan_threads(pictures: int | None, processors: int, expected: tuple[int, int]) -> None:
    assert plan_threads(pictures, processors) == expected


def test_percentiles_of_ages() -> None:
    ages = AgeHistogram()
    assert ages.percentile_ms(50) is None
    for age_ms in range(100):
        ages.add(age_ms + 0.5)
    assert ages.percentile_ms(50) == 50
    assert ages.percentile_ms(99) == 99
    ages.add(1e9)
    assert ages.percentile_ms(100) == 10_000
    ages.add(-5)  # a driver's clock that is ahead
    assert ages.percentile_ms(0) == 1
