"""The accuracy gate's decision: a cheaper precision may lose no more right answers than its budget.

Both files judge the same photos, so only those tell on which one is right and the other wrong: *lost* ones (the fp32
file is right, this one wrong) and *gained* ones. The drop is (lost - gained) / photos. Its upper limit comes from the
exact limits of the two proportions (Clopper and Pearson 1934), put together by the method of variance estimates
recovery, in which the distances from the estimate to the limits stand for the standard errors, with the correlation
of the two counts (square-and-add: Newcombe 1998, Statistics in Medicine 17:2635; Zou and Donner 2008, Statistics in
Medicine 27:1693):

    upper = p - q + sqrt(a² + b² + 2 r a b),  a = upper limit of p less p,  b = q less lower limit of q,

with p = lost / n, q = gained / n and r = sqrt(p q / ((1 - p) (1 - q))), which is how strongly counts that exclude
each other are bound. Without one gained photo it's the exact limit of the lost ones: 3 / n with no disagreement at
all, so that half a point takes 598 photos. The score limit (Tango 1998, Statistics in Medicine 17:891) is as narrow,
but misses in up to 6.7 % of the cases there; the sum of two exact limits wastes a good part of the photos. This one
misses in at most 5 %: computed from all outcomes, for 6,371 pairs of chances and 20 to 4,000 photos (the tests repeat
some of them). With fewer than 20 photos it can miss in up to 8 %, if more than half of them are told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tlx.contract import AccuracyRecord
from tlx.export.gates.binomial import lower_limit, upper_limit
from tlx.runtime.classifier import decide

MAX_DROP_POINTS: Final = 0.5
STATISTIC: Final = "paired difference, upper 95 % limit by square-and-add of Clopper-Pearson limits (Newcombe 1998)"
_ERROR: Final = 0.05

Verdict = Literal["passed", "failed", "too few photos to tell"]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PairedAnswers:
    """What two files say of the same labelled photos.

    Attributes:
        labels: ``[N]``, the true label's index, at least one photo.
        reference: ``float32 [N, classes]``, the fp32 file's probabilities.
        candidate: ``float32 [N, classes]``, the other file's.

    Raises:
        ValueError: If the shapes don't fit, there is no photo, or a label has no column.
    """

    labels: npt.NDArray[np.intp]
    reference: Probabilities
    candidate: Probabilities

    def __post_init__(self) -> None:
        if self.reference.ndim != 2 or self.reference.shape != self.candidate.shape:  # noqa: PLR2004 - photos and classes
            raise ValueError(f"expected equal shapes [N, classes], got {self.reference.shape}, {self.candidate.shape}")
        photos, classes = self.reference.shape
        if self.labels.shape != (photos,) or not photos:
            raise ValueError(f"expected a label for each of {photos} photos, at least one, got {self.labels.shape}")
        if self.labels.min() < 0 or self.labels.max() >= classes:
            raise ValueError(f"expected labels from 0 to {classes - 1}, got {self.labels.min()} to {self.labels.max()}")


def judge_accuracy(
    answers: PairedAnswers,
    *,
    max_drop_points: float = MAX_DROP_POINTS,
    threshold: float = 0.5,
    photos_from: str,
    candidates: int = 1,
) -> AccuracyRecord:
    """Compare the drop in accuracy with its budget.

    *passed*: even the upper limit of the drop is within the budget. *failed*: the measured drop itself is beyond it
    (the cheaper file has to prove itself, so no significance is asked for), or any probability isn't a number.
    *too few photos to tell*: the measured drop is within the budget, its upper limit isn't.

    Args:
        answers: Of both files.
        max_drop_points: The budget, in percentage points.
        threshold: For two classes: the probability from which the second label is given.
        photos_from: Where the photos came from, for the record.
        candidates: Among how many these photos choose: all their upper limits hold at once with 95 % (Bonferroni).
    """
    reference, candidate = _are_right(answers, threshold)
    photos = len(answers.labels)
    lost, gained = int((reference & ~candidate).sum()), int((candidate & ~reference).sum())
    drop_points = 100 * (lost - gained) / photos
    upper_drop_points = 100 * upper_drop(lost, gained, photos, _ERROR / candidates)
    numbers = bool(np.isfinite(answers.reference).all() and np.isfinite(answers.candidate).all())
    return AccuracyRecord(
        photos=photos,
        reference_correct=int(reference.sum()),
        correct=int(candidate.sum()),
        lost=lost,
        gained=gained,
        drop_points=drop_points,
        upper_drop_points=upper_drop_points,
        max_drop_points=max_drop_points,
        statistic=STATISTIC,
        verdict=_verdict(drop_points, upper_drop_points, max_drop_points) if numbers else "failed",
        photos_from=photos_from,
    )


def upper_drop(lost: int, gained: int, photos: int, error: float = _ERROR) -> float:
    """What the drop in accuracy is at most, at 95 % (one-sided) or what ``error`` leaves: a proportion, at most 1."""
    p, q = lost / photos, gained / photos
    above = upper_limit(lost, photos, error) - p
    below = q - lower_limit(gained, photos, error)
    bound = 0.0 if p in {0.0, 1.0} or q in {0.0, 1.0} else math.sqrt(p * q / ((1 - p) * (1 - q)))
    return min(1.0, p - q + math.sqrt(above**2 + below**2 + 2 * bound * above * below))


def lost_photos(answers: PairedAnswers, threshold: float = 0.5) -> tuple[int, ...]:
    """The places of the photos that the other file alone gets wrong, the surest mistakes first."""
    reference, candidate = _are_right(answers, threshold)
    places = np.flatnonzero(reference & ~candidate)
    of_truth = np.nan_to_num(answers.candidate[places, answers.labels[places]], nan=-1.0)
    return tuple(int(place) for place in places[np.argsort(of_truth, kind="stable")])


def explain_accuracy(record: AccuracyRecord) -> str:
    """The figures as one line for a person, without the verdict."""
    return (
        f"{record.correct} of {record.photos} right, the fp32 file {record.reference_correct} ({record.lost} lost, "
        f"{record.gained} gained): {record.drop_points:+.2f} points lost, with 95 % confidence at most "
        f"{record.upper_drop_points:.2f} (allowed: {record.max_drop_points:g})"
    )


def _verdict(drop_points: float, upper_drop_points: float, max_drop_points: float) -> Verdict:
    if upper_drop_points <= max_drop_points:
        return "passed"
    return "failed" if drop_points > max_drop_points else "too few photos to tell"


def _are_right(answers: PairedAnswers, threshold: float) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """On which photos the reference and the candidate are right, ``[N]`` each; what isn't a number is wrong."""
    given = [
        [decide(row, threshold) if np.isfinite(row).all() else -1 for row in side.tolist()]
        for side in (answers.reference, answers.candidate)
    ]
    return np.equal(given[0], answers.labels), np.equal(given[1], answers.labels)
