"""The gates' decisions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tlx.export.gates.parity import judge_parity

SURE = [[0.9, 0.1], [0.2, 0.8]]


@pytest.mark.parametrize(
    ("got", "passed", "labels_equal"),
    [
        (SURE, True, 2),
        ([[0.90005, 0.09995], [0.2, 0.8]], True, 2),  # within 1e-4
        ([[0.9002, 0.0998], [0.2, 0.8]], False, 2),  # same labels, too different
        ([[0.9, 0.1], [0.8, 0.2]], False, 1),  # another label
        ([[math.nan, math.nan], [0.2, 0.8]], False, 1),
        ([[math.inf, 0.0], [0.2, 0.8]], False, 1),
    ],
)
def test_judge_parity(got: list[list[float]], passed: bool, labels_equal: int) -> None:
    verdict = judge_parity(np.array(SURE, np.float32), np.array(got, np.float32))
    assert (verdict.passed, verdict.labels_equal, verdict.photos) == (passed, labels_equal, 2)


def test_judge_parity_fails_when_both_sides_give_the_same_nonsense() -> None:
    nonsense = np.full((3, 2), np.nan, np.float32)
    assert not judge_parity(nonsense, nonsense).passed


def test_judge_parity_fails_without_photos() -> None:
    nothing = np.zeros((0, 2), np.float32)
    assert not judge_parity(nothing, nothing).passed


def test_judge_parity_notices_a_flipped_label_within_the_tolerance() -> None:
    expected = np.array([[0.50004, 0.49996]], np.float32)
    got = np.array([[0.49998, 0.50002]], np.float32)
    verdict = judge_parity(expected, got)
    assert verdict.max_abs_difference < verdict.tolerance
    assert not verdict.passed


def test_judge_parity_names_other_labels_first_then_the_largest_differences() -> None:
    expected = np.array([[0.9, 0.1], [0.51, 0.49], [0.9, 0.1], [0.9, 0.1]], np.float32)
    got = np.array([[0.9, 0.1], [0.49, 0.51], [0.6, 0.4], [0.8, 0.2]], np.float32)
    assert judge_parity(expected, got).worst == (1, 2, 3, 0)


def test_judge_parity_refuses_different_numbers_of_classes() -> None:
    with pytest.raises(ValueError, match="shape"):
        judge_parity(np.zeros((2, 2), np.float32), np.zeros((2, 3), np.float32))
