"""What somebody claims of a Keras file, held against labelled photos: its labels, its preprocessing, its resize.

Parity says that the exported file computes what the network computes; it can't say that the network was meant to be
fed so. A wrong preprocessing, or labels in the wrong order, shows in one place only: on photos whose labels are
known. So the accuracy on them must be better than always guessing the most frequent label, no other preprocessing
may do clearly better than the claimed one, and a lowest accuracy may be asked for. All are tried on some of the photos;
those that are ahead there are tried on all of them, and what is still open then is told and recorded.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from tlx.contract import ClaimRecord, RivalRecord
from tlx.errors import GateError, ImageError, InputError
from tlx.export.gates.binomial import at_least
from tlx.export.keras_model import class_probabilities
from tlx.export.preprocessing import CLAIMS, Claimed, prepare
from tlx.export.rivals import better_words, rival_record, rivals_ahead
from tlx.export.worst_photos import SHOWN, WorstPhoto, picture_words
from tlx.images import read, resize
from tlx.progress import Progress, silent
from tlx.runtime.classifier import Classifier, decide

CONFIDENCE: Final = 0.95
"""Of being better than guessing."""
OTHERS_PHOTOS: Final = 120
"""On how many photos all others are tried; those ahead of the claimed one there, on the rest, too."""

_BATCH: Final = 16
_WORST_NAMED: Final = 3
_Verdict = Literal["passed", "failed", "too few photos to tell"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What the accuracy is measured with.

    Attributes:
        truths: The label of each photo; photos without one aren't counted.
        minimum: The lowest accuracy allowed, 0 to 1; None for any that is better than guessing.
    """

    truths: Mapping[Path, str]
    minimum: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """What the accuracy says of a claim.

    Attributes:
        p_value: The chance of being right this often by guessing the most frequent label.
    """

    photos: int
    correct: int
    guessing: float
    p_value: float
    verdict: _Verdict

    @property
    def accuracy(self) -> float:
        """0 to 1."""
        return self.correct / self.photos


def judge_accuracy(truths: Sequence[int], answers: Sequence[int], minimum: float | None = None) -> ClaimVerdict:
    """Decide whether answers are better than guessing.

    Args:
        truths: The class of each photo, at least one photo.
        answers: What was said of it.
        minimum: The lowest accuracy allowed, 0 to 1.
    """
    photos = len(truths)
    correct = sum(truth == answer for truth, answer in zip(truths, answers, strict=True))
    guessing = max(Counter(truths).values()) / photos
    p_value = at_least(correct, photos, guessing)
    verdict: _Verdict = "too few photos to tell"
    if correct / photos <= guessing < 1 or (minimum is not None and correct / photos < minimum) or not correct:
        verdict = "failed"
    elif p_value <= 1 - CONFIDENCE:
        verdict = "passed"
    return ClaimVerdict(photos, correct, guessing, p_value, verdict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged.

    Attributes:
        network: The Keras model without preprocessing, from ``[N, H, W, 3]``.
        classifier: The exported file.
        preprocessing: As claimed.
        picture: Where wrong answers are shown if the claim fails; None for nowhere.
    """

    network: Any
    classifier: Classifier
    preprocessing: Claimed
    picture: Path | None = None


def prove_claim(
    candidate: Candidate, claim: Claim, photos: Sequence[Path], *, photos_from: str, progress: Progress = silent
) -> ClaimRecord:
    """Measure an exported file on labelled photos.

    Args:
        candidate: The file.
        claim: The labels of the photos.
        photos: Those that parity is shown on.
        photos_from: Their folder, for the record.
        progress: Told how many photos are done.

    Returns:
        For the contract.

    Raises:
        GateError: If the file is no better than guessing or below the minimum, or if another preprocessing is
            clearly better.
        InputError: If no labelled photo can be read.
    """
    labels = candidate.classifier.contract.labels
    labelled = [photo for photo in photos if photo in claim.truths]
    step = max(1, math.ceil(len(labelled) / OTHERS_PHOTOS))
    truths: list[int] = []
    answers: list[int] = []
    is_right: dict[Path, bool] = {}
    wrong: list[WorstPhoto] = []
    right: dict[Claimed, list[bool]] = {name: [] for name in CLAIMS}
    for start in range(0, len(labelled), _BATCH):
        batch = _read(labelled[start : start + _BATCH], candidate.classifier)
        classes = {place: labels.index(claim.truths[labelled[start + place]]) for place in batch}
        said = dict(zip(batch, _answers(candidate.classifier, list(batch.values())), strict=True))
        wrong += [
            _wrong(labelled[start + place], labels[classes[place]], labels[said[place]])
            for place in batch
            if said[place] != classes[place]
        ]
        truths += classes.values()
        answers += said.values()
        is_right |= {labelled[start + place]: said[place] == classes[place] for place in batch}
        # Spread evenly over the photos, which lie in the order of their labels.
        tried = [place for place in batch if (start + place) % step == 0]
        right[candidate.preprocessing] += [said[place] == classes[place] for place in tried]
        pictures, known = [batch[place] for place in tried], [classes[place] for place in tried]
        _try_others(candidate, [name for name in CLAIMS if name != candidate.preprocessing], pictures, known, right)
        progress("accuracy", min(start + _BATCH, len(labelled)), len(labelled))
    if not truths:
        raise InputError(f"none of the {len(labelled)} labelled photos can be read: name others with --photos")
    verdict = judge_accuracy(truths, answers, claim.minimum)
    failure = better_words(candidate.preprocessing, right, len(labels))
    ahead = rivals_ahead(candidate.preprocessing, right)
    if ahead and not failure:
        rest = {photo: claim.truths[photo] for place, photo in enumerate(labelled) if place % step}
        right = {name: right[name] for name in (candidate.preprocessing, *ahead)}
        _try_on_the_rest(candidate, ahead, rest, is_right, right)
        failure = better_words(candidate.preprocessing, right, len(labels))
    if not failure and verdict.verdict == "failed":
        failure = _explain(verdict, claim.minimum)
    if failure:
        raise GateError(f"{failure}{_worst_words(candidate.picture, wrong)}; nothing was published")
    return _record(verdict, claim, photos_from, rival_record(candidate.preprocessing, right))


def _read(photos: Sequence[Path], classifier: Classifier) -> dict[int, npt.NDArray[np.uint8]]:
    """The pictures by their places, ready for the network; those that can't be read are left out."""
    contract = classifier.contract
    pictures = {}
    for place, photo in enumerate(photos):
        # Parity has told of what can't be read.
        with contextlib.suppress(ImageError):
            pictures[place] = resize(read(photo), contract.input.size_hw, contract.resize.method)
    return pictures


def _answers(classifier: Classifier, pictures: Sequence[npt.NDArray[np.uint8]]) -> list[int]:
    labels = classifier.contract.labels
    return [labels.index(prediction.label) for prediction in classifier.classify_batch(pictures)]


def _try_others(
    candidate: Candidate,
    names: Sequence[Claimed],
    pictures: Sequence[npt.NDArray[np.uint8]],
    truths: Sequence[int],
    right: dict[Claimed, list[bool]],
) -> None:
    """Add to ``right``, by preprocessing, on which photos the network is right with it."""
    if not pictures:
        return
    threshold = candidate.classifier.contract.threshold
    for name in names:
        images = prepare(np.stack(pictures), name)
        output = class_probabilities(np.asarray(candidate.network.predict_on_batch(images)))
        for row, truth in zip(output, truths, strict=True):
            right[name].append(bool(np.isfinite(row).all()) and decide(row.tolist(), threshold) == truth)


def _try_on_the_rest(
    candidate: Candidate,
    rivals: Sequence[Claimed],
    truths: Mapping[Path, str],
    is_right: Mapping[Path, bool],
    right: dict[Claimed, list[bool]],
) -> None:
    """Add to ``right`` the photos of ``truths``: with some other preprocessings, and as claimed."""
    labels = candidate.classifier.contract.labels
    photos = [photo for photo in truths if photo in is_right]
    for start in range(0, len(photos), _BATCH):
        part = photos[start : start + _BATCH]
        batch = _read(part, candidate.classifier)
        classes = [labels.index(truths[part[place]]) for place in batch]
        _try_others(candidate, rivals, list(batch.values()), classes, right)
        right[candidate.preprocessing] += [is_right[part[place]] for place in batch]


def _explain(verdict: ClaimVerdict, minimum: float | None) -> str:
    measured = f"accuracy failed: right on {verdict.correct} of {verdict.photos} photos ({verdict.accuracy:.3f})"
    if minimum is not None and verdict.accuracy < minimum:
        return f"{measured}, --min-accuracy asks for {minimum:g}"
    return (
        f"{measured}, always saying the most frequent label gives {verdict.guessing:.3f}: check the order of --labels, "
        "--preprocess and --resize, or name a folder of photos without labels"
    )


def _wrong(photo: Path, truth: str, said: str) -> WorstPhoto:
    return WorstPhoto(photo, (f"true: {truth}", f"this: {said}"))


def _worst_words(picture: Path | None, wrong: Sequence[WorstPhoto]) -> str:
    if not wrong:
        return ""
    names = ", ".join(photo.path.name for photo in wrong[:_WORST_NAMED])
    return f"; wrong on {names}{picture_words(picture, wrong[:SHOWN])}"


def _record(verdict: ClaimVerdict, claim: Claim, photos_from: str, rival: RivalRecord | None) -> ClaimRecord:
    assert verdict.verdict != "failed"
    return ClaimRecord(
        photos=verdict.photos,
        correct=verdict.correct,
        guessing=verdict.guessing,
        p_value=verdict.p_value,
        minimum=claim.minimum,
        verdict=verdict.verdict,
        photos_from=photos_from,
        rival=rival,
    )
