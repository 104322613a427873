"""Cheaper precisions of a proven fp32 file: each candidate is made, and has to earn its place at the gates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from tlx.contract import AccuracyRecord, Contract, Precision, SpeedRecord
from tlx.errors import EngineError, InputError, ModelFileError
from tlx.export.accuracy import (
    AccuracyPlan,
    LabelledPhoto,
    explain_failure,
    judge_measured,
    lets_through,
    pair_answers,
)
from tlx.export.fp32 import KNOWN_ANSWER_SEEDS, KNOWN_ANSWER_TOLERANCE, Proven, known_answers
from tlx.export.gates.accuracy import MAX_DROP_POINTS, upper_drop
from tlx.export.gates.gate import Gate, skipped_names
from tlx.export.gates.speed import explain_speed, judge_speed
from tlx.export.latency import measure_latency
from tlx.export.photo_answers import PhotoAnswers, answer_photos
from tlx.export.photo_choice import common_folder
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos, choose_calibration_photos
from tlx.export.precision.ladder import Candidate, Made, PrecisionChoice, candidates, make
from tlx.export.precision.targets import THIS_MACHINE, find_target, why_slow
from tlx.export.publish import recorded, sealed_bytes
from tlx.known_answers import synthetic_picture
from tlx.progress import Progress, silent
from tlx.runtime.classifier import Classifier
from tlx.runtime.proof import prove_known_answers
from tlx.runtime.timing.model_setup import Place
from tlx.runtime.timing.speed import MINIMUM_RATIO, SpeedPlan, measure_speed

TOLERANCES: Final[dict[Precision, float]] = {"fp32": KNOWN_ANSWER_TOLERANCE, "fp16": 1e-2, "int8": 5e-2}
"""Of the known answers, by precision: how far another processor, which rounds elsewhere, may go."""


@dataclass(frozen=True, slots=True)
class PrecisionPlan:
    """What is wanted instead of fp32, and what it may cost.

    Attributes:
        wanted: ``auto`` tries what is worth trying on the target and falls back to fp32.
        target: See :func:`tlx.export.precision.targets.find_target`.
        calibration: Photo files on which the ranges of int8 are found.
        labelled: Photos of known labels for the accuracy gate.
        max_drop_points: How much accuracy may be lost, in percentage points.
        minimum_ratio: How many times as fast as fp32 it has to be, with 95 % confidence.
        strict: Whether too few photos to tell fail, too.
        minimum_accuracy: What has to be right of the labelled photos, 0 to 1, whatever fp32 gets right.
        skipped: Gates that the user switched off.
    """

    wanted: PrecisionChoice = "fp32"
    target: str = THIS_MACHINE
    calibration: Sequence[Path] = ()
    labelled: Sequence[LabelledPhoto] = ()
    max_drop_points: float = MAX_DROP_POINTS
    minimum_ratio: float = MINIMUM_RATIO
    strict: bool = False
    minimum_accuracy: float = 0.0
    skipped: frozenset[Gate] = frozenset()

    def require_photos(self) -> None:
        """Look whether there are photos for what is wanted, before minutes of work.

        Raises:
            InputError: If there are none.
        """
        tried = candidates(self.wanted, find_target(self.target))
        if any(candidate.precision == "int8" for candidate in tried) and not self.calibration:
            raise InputError("int8 needs photos to find its ranges on: name a folder of them with --calibrate")
        if tried and Gate.ACCURACY not in self.skipped and not self.labelled:
            raise InputError(
                "a cheaper precision is proven on photos of known labels: name a folder that has one folder of photos "
                f"for each label with --photos, or switch this off by {Gate.ACCURACY.flag}"
            )


ONLY_FP32: Final = PrecisionPlan()


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one candidate, or of fp32 itself.

    Attributes:
        name: Of the candidate.
        size_bytes: None if it couldn't be made.
        accuracy: None where it wasn't measured.
        speed: None where it wasn't measured.
        p50_ms: Latency of one picture; None where it wasn't measured.
        failure: Why it was not taken, in a line; None if every gate that wasn't skipped let it through.
    """

    name: str
    size_bytes: int | None = None
    accuracy: AccuracyRecord | None = None
    speed: SpeedRecord | None = None
    p50_ms: float | None = None
    failure: str | None = None


def fp32_row(fp32: Proven) -> Tried:
    """What the others are compared with."""
    latency = fp32.contract.export.latency if fp32.contract.export else None
    return Tried("fp32", fp32.file.stat().st_size, p50_ms=latency.p50_ms if latency else None)


class Contest:
    """The candidates of one plan, one after the other.

    Args:
        fp32: The proven file.
        plan: What is wanted.
        folder: Where the candidates' files may lie.
        picture: Where the worst photos are shown if an accuracy gate says no; None for nowhere.
        progress: Told of each stage.
    """

    def __init__(
        self, fp32: Proven, plan: PrecisionPlan, folder: Path, *, picture: Path | None, progress: Progress = silent
    ) -> None:
        self.tried: list[Tried] = []
        self._fp32, self._plan, self._folder, self._progress = fp32, plan, folder, progress
        self._target = find_target(plan.target)
        contract = fp32.contract
        self._calibration = Calibration(
            fp32.proto,
            CalibrationPhotos(
                choose_calibration_photos(plan.calibration),
                contract.input.size_hw,
                contract.resize.method,
                common_folder(plan.calibration) if plan.calibration else "",
            ),
            progress,
        )
        self._accuracy_plan = AccuracyPlan(
            photos=plan.labelled,
            photos_from=common_folder([path for path, _ in plan.labelled]) if plan.labelled else "",
            labels=contract.labels,
            threshold=contract.threshold,
            max_drop_points=plan.max_drop_points,
            strict=plan.strict,
            picture=picture,
        )

    def run(self) -> tuple[Proven, Tried] | None:
        """Try the candidates; the fastest that passes, or None.

        Of the candidates of one precision the first to pass is taken: their layers are computed alike.
        """
        passed: list[tuple[Proven, Tried]] = []
        done: set[Precision] = set()
        ladder = candidates(self._plan.wanted, self._target)
        if any(candidate.precision == "int8" for candidate in ladder):
            self._calibration.ranges("minmax")  # photos that can't be used are no candidate's fault
        for number, candidate in enumerate(ladder):
            if candidate.precision in done:
                continue
            made, row = self._try(candidate, self._folder / f"candidate{number}.onnx")
            self.tried.append(row)
            if made is not None:
                passed.append((made, row))
            # Another way to find the ranges computes no faster, and kept layers slow it down.
            if made is not None or (row.speed and row.speed.verdict == "failed") or self._is_hopeless:
                done.add(candidate.precision)
        return max(passed, key=lambda each: each[1].speed.ratio if each[1].speed else 1.0, default=None)

    def _try(self, candidate: Candidate, file: Path) -> tuple[Proven | None, Tried]:
        row = Tried(candidate.name)
        self._progress(f"making {candidate.name}", 0, 1)
        try:
            made = make(candidate, self._fp32.proto, self._calibration, self._target)
            draft = self._draft(candidate, made)
            row = dataclasses.replace(row, size_bytes=_write(file, made.proto, draft))
            classifier = Classifier.load(file, device="cpu")
            contract = _with_own_answers(draft, classifier)
            row = self._judge_speed(candidate, file, self._judge_accuracy(file, row))
        except (InputError, ModelFileError, EngineError) as error:
            return None, dataclasses.replace(row, failure=str(error))
        if row.failure:
            return None, row
        status = self._speed_status(row)
        latency = measure_latency(classifier)
        contract = recorded(contract, accuracy=row.accuracy, speed=row.speed, speed_status=status, latency=latency)
        row = dataclasses.replace(row, size_bytes=_write(file, made.proto, contract), p50_ms=latency.p50_ms)
        proven = Classifier.load(file, device="cpu")
        prove_known_answers(proven)
        return Proven(file, made.proto, contract, proven.sha256, self._fp32.parity), row

    def _draft(self, candidate: Candidate, made: Made) -> Contract:
        contract = self._fp32.contract.model_copy(update={"precision": candidate.precision, "known_answers": None})
        return recorded(
            contract,
            quantization=made.quantization,
            target=self._target.name,
            latency=None,
            skipped_gates=skipped_names(self._plan.skipped),
        )

    def _judge_accuracy(self, file: Path, row: Tried) -> Tried:
        if Gate.ACCURACY in self._plan.skipped:
            return row
        try:
            paired = pair_answers(self._plan.labelled, self._reference_answers, self._answers(file))
        except ModelFileError as error:  # what it gives are no probabilities
            return dataclasses.replace(row, failure=f"accuracy failed: {error}")
        # The picture is of the first that fails.
        plan = self._accuracy_plan if not self.tried else dataclasses.replace(self._accuracy_plan, picture=None)
        record = judge_measured(plan, paired)
        row = dataclasses.replace(row, accuracy=record)
        if not lets_through(plan, record):
            return dataclasses.replace(row, failure=explain_failure(plan, paired, record))
        if record.correct < self._plan.minimum_accuracy * record.photos:
            asked = f"--min-accuracy asks for {self._plan.minimum_accuracy:g}"
            failure = f"accuracy failed: right on {record.correct} of {record.photos} photos, {asked}"
            return dataclasses.replace(row, failure=failure)
        return row

    def _judge_speed(self, candidate: Candidate, file: Path, row: Tried) -> Tried:
        if row.failure or Gate.SPEED in self._plan.skipped or not self._is_here:
            return row
        plan = SpeedPlan(Place(device="cpu"), minimum_ratio=self._plan.minimum_ratio)
        record = judge_speed(
            measure_speed(self._fp32.file, file, plan, progress=self._progress), minimum_ratio=plan.minimum_ratio
        )
        if record.verdict == "passed":
            return dataclasses.replace(row, speed=record)
        words = [f"speed failed: {explain_speed(record)}", why_slow(self._target, candidate.precision)]
        return dataclasses.replace(row, speed=record, failure="; ".join(filter(None, words)))

    @property
    def _is_hopeless(self) -> bool:
        """Whether even a candidate that loses nothing would have too few photos to show it, and that is refused."""
        photos = self.tried[-1].accuracy.photos if self.tried[-1].accuracy else 0
        return self._plan.strict and photos > 0 and 100 * upper_drop(0, 0, photos) > self._plan.max_drop_points

    def _speed_status(self, row: Tried) -> str:
        if row.speed:
            return "measured"
        return "skipped" if Gate.SPEED in self._plan.skipped else "not measured"

    @property
    def _is_here(self) -> bool:
        """Whether this machine is of the kind that the file is for."""
        return self._target == find_target(THIS_MACHINE)

    @cached_property
    def _reference_answers(self) -> PhotoAnswers:
        """Of all labelled photos; what parity has asked of the file isn't asked again."""
        photos = [path for path, _ in self._plan.labelled]
        known = self._fp32.answers
        asked = [place for place, photo in enumerate(photos) if photo not in known]
        rest = answer_photos([self._fp32.file], [photos[place] for place in asked], progress=self._progress)[0]
        rows = {place: known[photo] for place, photo in enumerate(photos) if photo in known}
        rows |= {asked[place]: row for place, row in zip(rest.places, rest.probabilities, strict=True)}
        places = tuple(sorted(rows))
        probabilities = np.array([rows[place] for place in places], np.float32).reshape(len(places), -1)
        return PhotoAnswers(places, probabilities, rest.unreadable)

    def _answers(self, file: Path) -> PhotoAnswers:
        photos = [path for path, _ in self._plan.labelled]
        return answer_photos([file], photos, progress=self._progress)[0]


def _write(file: Path, proto: Any, contract: Contract) -> int:
    content = sealed_bytes(proto, contract)
    file.write_bytes(content)
    return len(content)


def _with_own_answers(contract: Contract, classifier: Classifier) -> Contract:
    """The known answers of a cheaper file are its own: what it rounds isn't a device's mistake."""
    pictures = [synthetic_picture(seed, contract.input.size_hw) for seed in KNOWN_ANSWER_SEEDS]
    said = np.array([classifier.classify(picture).probabilities for picture in pictures])
    return contract.model_copy(update={"known_answers": known_answers(said, TOLERANCES[contract.precision])})
