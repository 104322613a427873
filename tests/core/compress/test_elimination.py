"""Least squares and elimination against brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tlx.core.compress.elimination import eliminate, solve
from tlx.core.compress.statistics import Moments, MomentSums

GROUPS, SIZE, TARGETS, ROWS = 5, 3, 4, 400
Rows = npt.NDArray[np.float32]


def draw(seed: int) -> tuple[Rows, Rows]:
    """Correlated inputs far from zero, and targets that depend on them in part."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(GROUPS * SIZE, GROUPS * SIZE))
    inputs = random.normal(size=(ROWS, GROUPS * SIZE)) @ mixing + 50
    targets = inputs @ random.normal(size=(GROUPS * SIZE, TARGETS)) + random.normal(size=(ROWS, TARGETS)) - 7
    return inputs.astype(np.float32), targets.astype(np.float32)


def moments_of(inputs: Rows, targets: Rows, batches: int = 1) -> Moments:
    sums = MomentSums(inputs.shape[1], targets.shape[1])
    for part in np.array_split(np.arange(len(inputs)), batches):
        sums.add(inputs[part], targets[part])
    return sums.moments()


def least_error(inputs: Rows, targets: Rows, groups: tuple[int, ...]) -> float:
    """The smallest mean squared error (summed over targets) that some groups allow, by numpy's own solver."""
    places = [group * SIZE + tap for group in groups for tap in range(SIZE)]
    taken = np.column_stack([inputs[:, places].astype(float), np.ones(len(inputs))])
    solution = np.linalg.lstsq(taken, targets.astype(float), rcond=None)[0]
    return float(np.square(taken @ solution - targets).sum() / len(inputs))


@pytest.mark.parametrize("batches", [1, 7])
def test_moments_are_those_of_all_rows_however_they_come(batches: int) -> None:
    inputs, targets = draw(0)
    moments = moments_of(inputs, targets, batches)
    joint = np.cov(np.column_stack([inputs, targets]).astype(float), rowvar=False, bias=True)
    width = GROUPS * SIZE
    scale = np.abs(joint).max()
    np.testing.assert_allclose(moments.gram, joint[:width, :width], atol=1e-4 * scale)
    np.testing.assert_allclose(moments.cross, joint[:width, width:], atol=1e-4 * scale)
    assert moments.power == pytest.approx(np.trace(joint[width:, width:]), rel=1e-4)
    np.testing.assert_allclose(moments.input_mean, inputs.mean(axis=0, dtype=float), rtol=1e-5)
    assert moments.rows == ROWS


def test_solved_weights_are_the_direct_least_squares_solution() -> None:
    inputs, targets = draw(1)
    weights, bias = solve(moments_of(inputs, targets))
    taken = np.column_stack([inputs.astype(float), np.ones(ROWS)])
    direct = np.linalg.lstsq(taken, targets.astype(float), rcond=None)[0]
    # Products in 32 bits: weights along directions that hardly vary differ, what they give must not.
    np.testing.assert_allclose(inputs @ weights + bias, taken @ direct, atol=0.02)
    error = float(np.square(inputs @ weights + bias - targets).sum() / ROWS)
    assert error == pytest.approx(least_error(inputs, targets, tuple(range(GROUPS))), rel=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_the_group_that_goes_is_the_one_whose_exact_removal_costs_least(seed: int) -> None:
    inputs, targets = draw(seed)
    moments = moments_of(inputs, targets)
    found = eliminate(moments, GROUPS)
    left = tuple(range(GROUPS))
    for step, gone in enumerate(found.order.tolist()):
        errors = {
            group: least_error(inputs, targets, tuple(other for other in left if other != group)) for group in left
        }
        assert gone == min(errors, key=lambda group: errors[group])
        assert found.errors[step + 1] * moments.power == pytest.approx(errors[gone], rel=1e-3)
        left = tuple(group for group in left if group != gone)
        np.testing.assert_array_equal(found.kept(len(left)), left)


def test_one_by_one_is_close_to_the_best_of_all_subsets() -> None:
    ratios = []
    for seed in range(20):
        inputs, targets = draw(seed)
        kept = tuple(eliminate(moments_of(inputs, targets), GROUPS).kept(2).tolist())
        best = min(least_error(inputs, targets, pair) for pair in itertools.combinations(range(GROUPS), 2))
        ratios.append(least_error(inputs, targets, kept) / best)
    assert np.median(ratios) < 1.1


def test_a_group_that_says_nothing_of_its_own_goes_first_and_free() -> None:
    inputs, targets = draw(2)
    copy: Any = np.column_stack([inputs, inputs[:, :SIZE] * 2 + 1])
    found = eliminate(moments_of(copy, targets).damped(1e-6), GROUPS + 1)
    assert found.order[0] in {0, GROUPS}
    assert found.error(GROUPS) == pytest.approx(found.error(GROUPS + 1), abs=1e-4)


def test_damping_solves_what_has_too_few_rows() -> None:
    inputs, targets = draw(3)
    few = moments_of(inputs[:4], targets[:4])
    weights, _ = solve(few.damped(0.01))
    assert np.isfinite(weights).all()
    order = eliminate(few.damped(0.01), GROUPS, fewest=2).order
    assert len(order) == len(set(order.tolist())) == GROUPS - 2
