"""The accuracy gate's measurement: two exported files over the same labelled photos, from file bytes to label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tlx.contract import AccuracyRecord
from tlx.errors import GateError, ImageError, InputError, ModelFileError
from tlx.export.gates.accuracy import (
    MAX_DROP_POINTS,
    PairedAnswers,
    explain_accuracy,
    judge_accuracy,
    lost_photos,
)
from tlx.export.photo_answers import PhotoAnswers, answer_photos
from tlx.export.worst_photos import SHOWN, WorstPhoto, answer_words, picture_words
from tlx.progress import Progress, silent
from tlx.runtime.session import Device

_WORST_NAMED: Final = 3

LabelledPhoto = tuple[Path, int]
"""A photo's file and the index of its true label."""


@dataclass(frozen=True, slots=True)
class AccuracyPlan:
    """What is asked of a cheaper file.

    Attributes:
        photos: With their true labels.
        photos_from: Where they come from, for the record.
        labels: The names of the classes.
        threshold: For two classes: the probability from which the second label is given.
        max_drop_points: The budget, in percentage points.
        strict: Whether too few photos to tell fail, too.
        device: Where both files run.
        picture: Where the worst photos are shown if the gate says no; None for nowhere.
    """

    photos: Sequence[LabelledPhoto]
    photos_from: str
    labels: Sequence[str]
    threshold: float = 0.5
    max_drop_points: float = MAX_DROP_POINTS
    strict: bool = False
    device: Device = "cpu"
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Both files' answers.

    Attributes:
        photos: Those that could be read, in the order of the answers.
        unreadable: What is wrong with each of the others.
    """

    answers: PairedAnswers
    photos: tuple[Path, ...]
    unreadable: tuple[ImageError, ...]


def measure_accuracy(
    reference: Path,
    candidate: Path,
    photos: Sequence[LabelledPhoto],
    *,
    device: Device = "cpu",
    progress: Progress = silent,
) -> Accuracy:
    """Let both files classify the photos, each decoded once.

    Raises:
        ModelFileError: If one of the files can't be used, or gives something else than probabilities.
        InputError: If no photo can be read.
    """
    answered = answer_photos((reference, candidate), [path for path, _ in photos], device=device, progress=progress)
    return pair_answers(photos, *answered)


def pair_answers(photos: Sequence[LabelledPhoto], reference: PhotoAnswers, candidate: PhotoAnswers) -> Accuracy:
    """Put the answers of two files side by side; the fp32 file's serve for several candidates.

    Raises:
        InputError: If no photo could be read, or one was readable only once.
    """
    if reference.places != candidate.places:
        raise InputError("some photos for the accuracy gate changed while they were classified: leave them alone")
    if not reference.places:
        raise InputError(f"none of the {len(photos)} photos for the accuracy gate can be read")
    read = [photos[place] for place in reference.places]
    labels = np.array([label for _, label in read], np.intp)
    answers = PairedAnswers(labels, reference.probabilities, candidate.probabilities)
    return Accuracy(answers, tuple(path for path, _ in read), reference.unreadable)


def check_accuracy(
    plan: AccuracyPlan, reference: Path, candidate: Path, *, progress: Progress = silent
) -> AccuracyRecord:
    """Measure and judge.

    Returns:
        What was measured; its verdict is *passed*, or *too few photos to tell* unless the plan is strict.

    Raises:
        GateError: If the candidate isn't accurate enough; the message names the worst photos.
        InputError: If no photo can be read.
    """
    try:
        accuracy = measure_accuracy(reference, candidate, plan.photos, device=plan.device, progress=progress)
    except ModelFileError as error:
        raise GateError(f"accuracy failed: {error}; nothing was published") from error
    return require_accuracy(plan, accuracy)


def require_accuracy(plan: AccuracyPlan, accuracy: Accuracy) -> AccuracyRecord:
    """Judge what was measured.

    Raises:
        GateError: As :func:`check_accuracy` does.
    """
    record = judge_measured(plan, accuracy)
    if lets_through(plan, record):
        return record
    raise GateError(f"{explain_failure(plan, accuracy, record)}; nothing was published")


def judge_measured(plan: AccuracyPlan, accuracy: Accuracy) -> AccuracyRecord:
    """The verdict on what was measured, by the plan's budget."""
    return judge_accuracy(
        accuracy.answers,
        max_drop_points=plan.max_drop_points,
        threshold=plan.threshold,
        photos_from=plan.photos_from,
    )


def lets_through(plan: AccuracyPlan, record: AccuracyRecord) -> bool:
    """Whether a file with this verdict may be published."""
    return record.verdict == "passed" or (record.verdict != "failed" and not plan.strict)


def explain_failure(plan: AccuracyPlan, accuracy: Accuracy, record: AccuracyRecord) -> str:
    """The figures and the worst photos in a line; the photos are also drawn, where the plan says."""
    lost = lost_photos(accuracy.answers, plan.threshold)
    names = ", ".join(accuracy.photos[place].name for place in lost[:_WORST_NAMED])
    worst = f"; worst: {names}{picture_words(plan.picture, _shown(plan, accuracy, lost))}" if lost else ""
    return f"accuracy {record.verdict}: {explain_accuracy(record)}{worst}"


def _shown(plan: AccuracyPlan, accuracy: Accuracy, places: Sequence[int]) -> list[WorstPhoto]:
    answers = accuracy.answers
    return [
        WorstPhoto(
            accuracy.photos[place],
            (
                f"true: {plan.labels[answers.labels[place]]}",
                f"fp32: {answer_words(answers.reference[place], plan.labels, plan.threshold)}",
                f"this: {answer_words(answers.candidate[place], plan.labels, plan.threshold)}",
            ),
        )
        for place in places[:SHOWN]
    ]
