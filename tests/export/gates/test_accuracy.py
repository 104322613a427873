"""The accuracy gate's decision, and that its limit holds what it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tlx.export.gates.accuracy import PairedAnswers, explain_accuracy, judge_accuracy, lost_photos, upper_drop

RIGHT, WRONG = [0.9, 0.1], [0.1, 0.9]


def answers(photos: int, *, lost: int = 0, gained: int = 0, both_wrong: int = 0) -> PairedAnswers:
    """Photos of class 0, of which so many are told apart."""
    reference = np.array([RIGHT] * photos, np.float32)
    candidate = reference.copy()
    candidate[:lost] = WRONG
    reference[lost : lost + gained] = WRONG
    for side in (reference, candidate):
        side[lost + gained : lost + gained + both_wrong] = WRONG
    return PairedAnswers(np.zeros(photos, np.intp), reference, candidate)


@pytest.mark.parametrize(
    ("photos", "lost", "gained", "verdict"),
    [
        # The rule of three: without one disagreement, half a point takes 598 photos.
        (598, 0, 0, "passed"),
        (597, 0, 0, "too few photos to tell"),
        (1000, 1, 0, "passed"),
        (1000, 2, 2, "passed"),
        (1000, 3, 0, "too few photos to tell"),
        # The measured drop may be as large as the budget, not larger.
        (1000, 5, 0, "too few photos to tell"),
        (1000, 6, 0, "failed"),
        (1000, 6, 1, "too few photos to tell"),
        (1000, 0, 30, "passed"),
        # Many disagreements that cancel: the noise of 40 of them is more than the budget.
        (1000, 20, 20, "too few photos to tell"),
        (10_000, 50, 50, "passed"),
        (10_000, 80, 20, "failed"),
        (1, 0, 0, "too few photos to tell"),
        (1, 1, 0, "failed"),
        (1, 0, 1, "too few photos to tell"),
        (3, 3, 0, "failed"),
    ],
)
def test_judge_accuracy(photos: int, lost: int, gained: int, verdict: str) -> None:
    record = judge_accuracy(answers(photos, lost=lost, gained=gained), max_drop_points=0.5, photos_from="validation")
    assert record.verdict == verdict
    assert (record.photos, record.lost, record.gained) == (photos, lost, gained)
    assert record.drop_points == pytest.approx(100 * (lost - gained) / photos)
    assert record.drop_points <= record.upper_drop_points <= 100


def test_judge_accuracy_counts_what_both_get_wrong_and_takes_any_budget() -> None:
    record = judge_accuracy(answers(50, lost=2, both_wrong=8), max_drop_points=20, photos_from="photos")
    assert (record.reference_correct, record.correct, record.verdict) == (42, 40, "passed")
    assert "40 of 50 right, the fp32 file 42 (2 lost, 0 gained): +4.00 points lost" in explain_accuracy(record)
    assert judge_accuracy(answers(5000, lost=1), max_drop_points=0, photos_from="photos").verdict == "failed"


def test_photos_that_choose_among_several_files_say_less_of_each() -> None:
    four = judge_accuracy(answers(598), max_drop_points=0.5, photos_from="photos", candidates=4)
    assert four.verdict == "too few photos to tell"
    assert four.upper_drop_points == pytest.approx(100 * (1 - (0.05 / 4) ** (1 / 598)))
    assert judge_accuracy(answers(875), max_drop_points=0.5, photos_from="photos", candidates=4).verdict == "passed"


@pytest.mark.parametrize("nonsense", [math.nan, math.inf])
@pytest.mark.parametrize("side", ["reference", "candidate"])
def test_judge_accuracy_fails_on_what_is_no_number_however_few(nonsense: float, side: str) -> None:
    given = answers(5000)
    getattr(given, side)[7, 1] = nonsense
    assert judge_accuracy(given, photos_from="photos").verdict == "failed"


def test_judge_accuracy_decides_two_classes_by_the_threshold() -> None:
    reference = np.array([[0.6, 0.4], [0.6, 0.4]], np.float32)
    candidate = np.array([[0.8, 0.2], [0.65, 0.35]], np.float32)
    given = PairedAnswers(np.array([1, 1]), reference, candidate)
    record = judge_accuracy(given, threshold=0.3, photos_from="photos")
    assert (record.reference_correct, record.correct, record.lost) == (2, 1, 1)


def test_lost_photos_come_with_the_surest_mistake_first() -> None:
    reference = np.array([RIGHT] * 5, np.float32)
    candidate = np.array([[0.4, 0.6], RIGHT, [0.05, 0.95], [math.nan, 0.0], [0.3, 0.7]], np.float32)
    reference[4] = WRONG  # both wrong: not lost
    assert lost_photos(PairedAnswers(np.zeros(5, np.intp), reference, candidate)) == (3, 2, 0)


@pytest.mark.parametrize(
    ("labels", "reference", "candidate"),
    [
        ([], np.zeros((0, 2)), np.zeros((0, 2))),
        ([0], np.zeros((1, 2)), np.zeros((1, 3))),
        ([0], np.zeros((2, 2)), np.zeros((2, 2))),
        ([2], np.zeros((1, 2)), np.zeros((1, 2))),
        ([-1], np.zeros((1, 2)), np.zeros((1, 2))),
        ([0], np.zeros(2), np.zeros(2)),
    ],
)
def test_answers_that_do_not_fit_each_other_are_refused(
    labels: list[int], reference: np.ndarray, candidate: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="expected"):
        PairedAnswers(np.array(labels, np.intp), reference.astype(np.float32), candidate.astype(np.float32))


def coverage(photos: int, expected_lost: float, expected_gained: float, error: float) -> float:
    """How often the limit lies above the true drop: every outcome with its probability, no sampling."""
    lose, gain = expected_lost / photos, expected_gained / photos
    below = 0.0
    for gained in range(min(photos, int(expected_gained + 7 * math.sqrt(expected_gained + 1) + 6)) + 1):
        for lost in range(photos - gained + 1):
            # It grows with what is lost, see below.
            if upper_drop(lost, gained, photos, error) >= lose - gain - 1e-12:
                break
            below += outcome_probability((lost, gained, photos - lost - gained), (lose, gain, 1 - lose - gain))
    return 1 - below


def outcome_probability(counts: tuple[int, ...], chances: tuple[float, ...]) -> float:
    logarithm = math.lgamma(sum(counts) + 1) - sum(math.lgamma(count + 1) for count in counts)
    return math.exp(logarithm + sum(n * math.log(p) for n, p in zip(counts, chances, strict=True) if n))


@pytest.mark.parametrize("error", [0.05, 0.05 / 4])
@pytest.mark.parametrize("photos", [20, 1000])
@pytest.mark.parametrize("expected_gained", [0.0, 0.1, 0.5, 2.0, 6.0])
def test_the_limit_is_wrong_as_rarely_as_it_says(photos: int, expected_gained: float, error: float) -> None:
    for expected_lost in (0.5, 1.5, 2.5, 3.0, 3.2, 4.8, 6.3, 8.0, 11.5):
        covered = coverage(photos, expected_lost, max(expected_gained, 1e-12), error)
        assert covered >= 1 - error, (expected_lost, covered)


def test_the_limit_grows_with_what_is_lost_and_falls_with_what_is_gained() -> None:
    limits = np.array([[upper_drop(lost, gained, 40) for gained in range(20)] for lost in range(20)])
    assert (np.diff(limits, axis=0) > 0).all()
    assert (np.diff(limits, axis=1) < 0).all()


def test_the_limit_holds_in_a_simulation_of_many_disagreements() -> None:
    generator = np.random.default_rng(4)
    drawn = generator.multinomial(3000, [0.012, 0.007, 0.981], size=2000)
    outcomes, times = np.unique(drawn, axis=0, return_counts=True)
    holds = np.array([upper_drop(int(lost), int(gained), 3000) >= 0.005 for lost, gained, _ in outcomes])
    # And not by being far too wide.
    assert 0.945 <= np.average(holds, weights=times) <= 0.975
