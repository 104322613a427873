from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tlx.bench.agreement import Agreement, Probabilities, compare, label_indices
from tlx.bench.plan import EnginePrecision


def two_classes(*second: float) -> Probabilities:
    column = np.array(second, np.float32)
    return np.stack([1 - column, column], axis=1)


def test_label_indices_use_the_threshold_for_two_classes() -> None:
    assert label_indices(two_classes(0.1, 0.3, 0.6), 0.3).tolist() == [0, 1, 1]


def test_label_indices_take_the_largest_of_more_classes() -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]], np.float32)
    assert label_indices(probabilities, 0.9).tolist() == [1, 0]


def test_label_indices_give_no_label_to_what_is_not_a_number() -> None:
    assert label_indices(two_classes(0.9, np.nan), 0.5).tolist() == [1, -1]


@pytest.mark.parametrize(
    ("precision", "difference", "agrees"),
    [
        ("fp32", 9e-5, True),
        ("fp32", 2e-4, False),
        ("fp16", 9e-3, True),
        ("fp16", 2e-2, False),
        ("bf16", 4e-2, True),
        ("bf16", 6e-2, False),
        # Quantized: the same label is what counts.
        ("int8", 0.2, True),
    ],
)
def test_compare_allows_what_the_precision_explains(
    precision: EnginePrecision, difference: float, *, agrees: bool
) -> None:
    agreement = compare(
        two_classes(0.2, 0.6), two_classes(0.2, 0.6 + difference), precision=precision, thresholds=(0.5, 0.5)
    )
    assert agreement.agrees is agrees
    assert agreement.wrong is not agrees
    assert agreement.labels_equal == 2
    assert agreement.max_abs_difference == pytest.approx(difference, rel=1e-3)


def test_compare_does_not_agree_when_one_label_differs() -> None:
    agreement = compare(two_classes(0.2, 0.49), two_classes(0.2, 0.51), precision="int8", thresholds=(0.5, 0.5))
    assert (agreement.photos, agreement.labels_equal, agreement.agrees) == (2, 1, False)


def test_compare_takes_each_engine_by_its_own_threshold() -> None:
    agreement = compare(two_classes(0.4), two_classes(0.4), precision="fp32", thresholds=(0.5, 0.3))
    assert (agreement.labels_equal, agreement.agrees) == (0, False)


def test_compare_does_not_agree_with_nan_even_where_both_have_it() -> None:
    broken = two_classes(0.2, np.nan)
    assert compare(broken, broken, precision="int8", thresholds=(0.5, 0.5)) == Agreement(
        2, 1, None, None, agrees=False, wrong=True
    )


def judged(others: int, photos: int, truth: Sequence[int | None] = ()) -> Agreement:
    """An int8 engine that gives the last label of two to the first photos, which the baseline gives the first."""
    baseline = two_classes(*[0.4] * photos)
    other = two_classes(*[0.6] * others, *[0.4] * (photos - others))
    return compare(baseline, other, precision="int8", thresholds=(0.5, 0.5), true_classes=truth)


@pytest.mark.parametrize(
    ("photos", "others", "wrong"),
    [
        # An honest quantization gives at most one photo in fifty another label; how many more are chance depends on
        # the photos.
        (50, 1, False),
        (50, 3, False),
        (50, 4, True),
        # One alone is a tie, whatever the photos.
        (1, 1, False),
        (7, 1, False),
        (7, 2, True),
        (1000, 28, False),
        (1000, 29, True),
    ],
)
def test_compare_calls_an_engine_wrong_when_it_gives_more_other_labels_than_quantization_explains(
    photos: int, others: int, *, wrong: bool
) -> None:
    agreement = judged(others, photos)
    assert (agreement.agrees, agreement.wrong, agreement.labels_equal) == (False, wrong, photos - others)
    assert (agreement.labels_lost, agreement.labels_gained) == (None, None)


@pytest.mark.parametrize(
    ("lost", "gained", "wrong"),
    [
        (4, 0, False),
        (5, 0, True),
        (5, 1, False),
        (7, 1, True),
        # As many gained as lost: another function, but as accurate.
        (8, 8, False),
        (0, 20, False),
    ],
)
def test_compare_calls_an_engine_wrong_when_it_is_less_accurate_than_the_baseline(
    lost: int, gained: int, *, wrong: bool
) -> None:
    agreement = judged(lost + gained, 50, [0] * lost + [1] * gained + [0] * (50 - lost - gained))
    assert (agreement.labels_lost, agreement.labels_gained, agreement.wrong) == (lost, gained, wrong)


def test_compare_judges_photos_without_a_label_apart() -> None:
    # Five photos lose their label, the first of them without a known one.
    assert judged(5, 50, [None, *[0] * 49]).wrong is False
    # Of those with a label none is lost, of forty others four differ.
    assert judged(4, 50, [*[None] * 40, *[0] * 10]).wrong is True


def test_labels_of_probabilities_within_the_tolerance_are_ties() -> None:
    near = compare(two_classes(*[0.50001] * 50), two_classes(*[0.49999] * 50), precision="fp32", thresholds=(0.5, 0.5))
    assert (near.agrees, near.wrong, near.labels_equal) == (False, False, 0)


def test_compare_does_not_call_a_tie_that_falls_to_the_other_side_wrong() -> None:
    agreement = compare(two_classes(0.50001), two_classes(0.49999), precision="fp32", thresholds=(0.5, 0.5))
    assert (agreement.agrees, agreement.wrong) == (False, False)
