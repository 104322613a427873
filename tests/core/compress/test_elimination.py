"""Least squares and elimination against brute force."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tlx.core.compress.elimination import _without, eliminate, solve
from tlx.core.compress.statistics import Moments, MomentSums

GROUPS, SIZE, TARGETS, ROWS = 5, 3, 4, 400
Rows = npt.NDArray[np.float32]


def draw(seed: int, groups: int = GROUPS) -> tuple[Rows, Rows]:
    """Correlated inputs far from zero, and targets that depend on them in part."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(groups * SIZE, groups * SIZE))
    inputs = random.normal(size=(ROWS, groups * SIZE)) @ mixing + 50
    targets = inputs @ random.normal(size=(groups * SIZE, TARGETS)) + random.normal(size=(ROWS, TARGETS)) - 7
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


MANY = 50
"""So many that 3 go in a batch at first, then 2, then one."""


@pytest.mark.parametrize("seed", range(2))
def test_of_a_batchs_candidates_the_one_whose_exact_removal_costs_least_goes(seed: int) -> None:
    inputs, targets = draw(seed, MANY)
    moments = moments_of(inputs, targets)
    found = eliminate(moments, MANY)
    left, steps = tuple(range(MANY)), iter(enumerate(found.order.tolist(), start=1))
    while len(left) > 30:
        count = len(left) // 16
        before = exact_errors(moments, left)
        candidates = set(sorted(before, key=lambda group: before[group])[: 2 * count])
        for _ in range(count):
            step, gone = next(steps)
            errors = exact_errors(moments, left, candidates)
            assert gone == min(errors, key=lambda group: errors[group])
            assert found.errors[step] * moments.power == pytest.approx(errors[gone], rel=1e-6)
            left = tuple(group for group in left if group != gone)
            candidates.discard(gone)
    np.testing.assert_array_equal(found.kept(len(left)), left)
    taken = np.column_stack([inputs[:, inputs_of(left)].astype(float), np.ones(ROWS)])
    direct = np.linalg.lstsq(taken, targets.astype(float), rcond=None)[0]
    missed = float(np.square(taken @ direct - targets).sum() / ROWS)
    assert found.error(len(left)) * moments.power == pytest.approx(missed, rel=1e-2)


@pytest.mark.parametrize("seed", range(2))
def test_batches_lose_little_more_than_one_by_one(seed: int) -> None:
    moments = moments_of(*draw(seed, MANY))
    found = eliminate(moments, MANY)
    left = tuple(range(MANY))
    while len(left) > 30:
        errors = exact_errors(moments, left)
        gone = min(errors, key=lambda group: errors[group])
        left = tuple(group for group in left if group != gone)
    assert found.error(len(left)) * moments.power < 1.1 * errors[gone]


def inputs_of(groups: tuple[int, ...]) -> list[int]:
    return [group * SIZE + tap for group in groups for tap in range(SIZE)]


def exact_errors(moments: Moments, left: tuple[int, ...], candidates: Collection[int] = ()) -> dict[int, float]:
    """The least squared error without each of the groups (of all that are left by default), each time solved anew."""
    found = {}
    for group in sorted(candidates) or left:
        places = inputs_of(tuple(other for other in left if other != group))
        cross = moments.cross[places]
        weights = np.linalg.solve(moments.gram[np.ix_(places, places)], cross)
        found[group] = moments.power - float(np.vdot(weights, cross))
    return found


def test_without_several_groups_the_weights_are_those_of_a_direct_solution() -> None:
    inputs, targets = draw(4, MANY)
    moments = moments_of(inputs, targets)
    gone = np.array([3, 17, 41])
    left = tuple(group for group in range(MANY) if group not in gone)
    inverse = np.linalg.inv(moments.gram).astype(np.float64)
    places = np.arange(MANY * SIZE).reshape(MANY, SIZE)
    smaller, weights = _without(inverse, inverse @ moments.cross, places, gone)
    rest = inputs_of(left)
    gram = moments.gram[np.ix_(rest, rest)]
    np.testing.assert_allclose(smaller @ gram, np.eye(len(rest)), atol=1e-6)
    np.testing.assert_allclose(weights, np.linalg.solve(gram, moments.cross[rest]), rtol=1e-6, atol=1e-8)


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
