"""Times and accuracies lie where they belong."""

from __future__ import annotations

import pytest

from tlx.core.report.pareto import is_on_front
from tlx.core.report.scale import scale_for


@pytest.mark.parametrize(
    ("point", "on_front"),
    [
        ((1.0, 0.90), True),
        ((2.0, 0.95), True),
        # As accurate as the one before, but slower.
        ((3.0, 0.95), False),
        # Slower and less accurate than others.
        ((2.5, 0.80), False),
        ((9.0, 0.96), True),
    ],
)
def test_is_on_front(point: tuple[float, float], *, on_front: bool) -> None:
    points = [(1.0, 0.90), (2.0, 0.95), (3.0, 0.95), (2.5, 0.80), (9.0, 0.96)]
    assert is_on_front(point, points) is on_front


def test_equal_choices_are_both_unbeaten() -> None:
    assert is_on_front((1.0, 0.9), [(1.0, 0.9), (1.0, 0.9)])


@pytest.mark.parametrize("values", [[10.0], [10.0, 10.0], [9.5, 10.5], [0.02, 900.0], [0.0, 3.0], [1.0, 1e6]])
def test_a_scale_shows_all_values_and_some_round_ones(values: list[float]) -> None:
    scale = scale_for(values)
    places = [scale.x(value) for value in values if value]
    assert all(scale.left <= place <= scale.right for place in places)
    assert 2 <= len(scale.ticks()) <= 9
    assert scale.ticks() == sorted(scale.ticks())
