"""A model file proves itself on the device where it is to run: what ``tlx verify`` does, without its command line.

Needs nothing but what an edge install has.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tlx.contract import Contract, SpeedRecord
from tlx.errors import InputError
from tlx.export.gates.speed import explain_speed, judge_speed
from tlx.export.photo_answers import answer_photos
from tlx.progress import Progress, silent
from tlx.runtime import environment
from tlx.runtime.classifier import Classifier, decide
from tlx.runtime.model_file import ModelFile
from tlx.runtime.proof import measure_known_answers
from tlx.runtime.sources.words import photos_in
from tlx.runtime.timing.latency import Latency, measure_latency
from tlx.runtime.timing.speed import SpeedPlan, measure_speed


@dataclass(frozen=True, slots=True)
class VerifyPlan:
    """What is to be proven.

    Attributes:
        model: The file.
        against: Its fp32 sibling: the file has to be faster than that one here.
        photos: A folder; both files' labels are compared on its photos.
        speed: Where the file runs, and how much faster it has to be.
    """

    model: Path
    against: Path | None = None
    photos: Path | None = None
    speed: SpeedPlan = field(default_factory=SpeedPlan)


@dataclass(frozen=True, slots=True)
class KnownAnswersCheck:
    """The file's known answers, asked for on this device.

    Attributes:
        count: Of pictures.
        largest_difference: Of a probability, 0 to 1.
        tolerance: What the file's contract allows.
    """

    count: int
    largest_difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether every answer is near enough."""
        return self.largest_difference <= self.tolerance


@dataclass(frozen=True, slots=True)
class LabelsCheck:
    """Both files' labels on the same photos; reported, not judged.

    Attributes:
        photos: How many could be read.
        labels_equal: On how many both give the same label.
        max_abs_difference: The largest difference of a probability, 0 to 1.
        unreadable: How many photos couldn't be read.
    """

    photos: int
    labels_equal: int
    max_abs_difference: float
    unreadable: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes:
        size_bytes: Of the file.
        sha256: Its seal, which was right.
        processor: This device's.
        provider: The execution provider that runs the file here.
        threads: Processors for one operator.
        note: Why a GPU that seems to be there isn't used.
        known_answers: None if the file holds none.
        latency: None where the rounds of :attr:`speed` tell it.
        speed: None without a file to compare with, and where the known answers are wrong.
        labels: None without photos.
    """

    plan: VerifyPlan
    size_bytes: int
    sha256: str
    contract: Contract
    processor: str
    provider: str
    threads: int
    note: str | None
    known_answers: KnownAnswersCheck | None
    latency: Latency | None = None
    speed: SpeedRecord | None = None
    labels: LabelsCheck | None = None

    @property
    def failures(self) -> tuple[str, ...]:
        """What the device or the file doesn't keep, one line each; empty if all is well."""
        failures = []
        if (known := self.known_answers) and not known.passed:
            failures.append(
                f"it gives other answers here than where it was made (largest difference of a probability "
                f"{known.largest_difference:.2g}, allowed {known.tolerance:g}): this device computes it wrongly"
            )
        if self.speed and self.speed.verdict != "passed":
            failures.append(
                f"not fast enough here: {explain_speed(self.speed)}: use {self.plan.against} on this device"
            )
        return tuple(failures)


def verify(plan: VerifyPlan, *, progress: Progress = silent) -> Verification:
    """Check the file's digest and contract, its known answers, and how fast it is here.

    Raises:
        ModelFileError: If a file is damaged, foreign, or fails.
        InputError: If the two files know different labels, or there is no photo to compare them on.
        DeviceError: If the device isn't available.
        EngineError: If an engine crashes or hangs while it is timed.
    """
    model = ModelFile.read(plan.model)
    if plan.against is not None:
        _require_same_labels(plan.model, model.contract, plan.against)
    found = _prove(plan, model)
    if found.failures:
        return found
    labels = _compare_labels(plan, progress)
    if plan.against is None:
        latency, speed = measure_latency(plan.model, plan.speed.place), None
    else:
        rounds = measure_speed(plan.against, plan.model, plan.speed, progress=progress)
        latency, speed = None, judge_speed(rounds, minimum_ratio=plan.speed.minimum_ratio)
    return replace(found, latency=latency, speed=speed, labels=labels)


def _prove(plan: VerifyPlan, model: ModelFile) -> Verification:
    place = plan.speed.place
    classifier = Classifier.load(plan.model, place.device, place.threads)
    known, largest = model.contract.known_answers, measure_known_answers(classifier)
    check = None
    if known is not None and largest is not None:
        check = KnownAnswersCheck(len(known.answers), largest, known.tolerance)
    return Verification(
        plan=plan,
        size_bytes=len(model.content),
        sha256=model.sha256,
        contract=model.contract,
        processor=environment.processor_name(),
        provider=classifier.session.providers[0],
        threads=classifier.session.threads,
        note=classifier.session.note,
        known_answers=check,
    )


def _require_same_labels(model: Path, contract: Contract, against: Path) -> None:
    other = ModelFile.read(against).contract
    if other.labels != contract.labels:
        raise InputError(
            f"{against}: knows the labels {', '.join(other.labels)}, but {model} knows {', '.join(contract.labels)}: "
            "name the fp32 file of the same training"
        )


def _compare_labels(plan: VerifyPlan, progress: Progress) -> LabelsCheck | None:
    if plan.photos is None:
        return None
    if plan.against is None:
        raise InputError("--photos compares the labels of two files: name the other one with --against")
    if not plan.photos.is_dir():
        raise InputError(f"{plan.photos}: expected a folder of photos, there is none")
    photos = photos_in(plan.photos)
    answers = answer_photos((plan.against, plan.model), photos, device=plan.speed.place.device, progress=progress)
    if not answers[0].places:
        raise InputError(f"{plan.photos}: expected photos, none of {len(photos)} files can be read")
    thresholds = [ModelFile.read(path).contract.threshold for path in (plan.against, plan.model)]
    labels = [
        [decide(row, threshold) for row in each.probabilities.tolist()]
        for each, threshold in zip(answers, thresholds, strict=True)
    ]
    return LabelsCheck(
        photos=len(labels[0]),
        labels_equal=sum(ours == theirs for ours, theirs in zip(*labels, strict=True)),
        max_abs_difference=float(np.abs(answers[0].probabilities - answers[1].probabilities).max()),
        unreadable=len(answers[0].unreadable),
    )
