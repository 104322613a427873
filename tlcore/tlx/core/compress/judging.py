"""How a network does: for choices on one half of the validation photos, in the end on the other half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.contract import AccuracyRecord
from tlx.core.compress.bounds import Bounds
from tlx.core.compress.plain import PlainNetwork, build_model
from tlx.core.compress.source import Source
from tlx.core.compress.teaching import Teaching
from tlx.core.photos import Photo
from tlx.export.frameworks import prediction_jit
from tlx.export.gates.accuracy import PairedAnswers, judge_accuracy
from tlx.export.keras_model import class_probabilities
from tlx.progress import Progress, silent

CHOICE_VIEWS: Final = 3
"""Of each photo for choices, beside itself: more of the same photos tell little more, and the original answers each."""
_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """On the validation photos.

    Attributes:
        record: As export's accuracy gate writes it.
        probabilities: ``float32 [N, classes]``, of the smaller network.
    """

    record: AccuracyRecord
    probabilities: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Choice:
    """On the photos for choices.

    Attributes:
        accuracy: Of the smaller network on the photos as they are; ``original_accuracy`` of the original.
        drop_points: Lost against the original. Where photos were kept for choices it's over some views of them, too,
            which tells more than a few hundred pictures alone.
    """

    accuracy: float
    original_accuracy: float
    drop_points: float


class Judge:
    """Compares smaller networks with the original."""

    def __init__(self, source: Source, teaching: Teaching, progress: Progress = silent) -> None:
        """Prepare.

        Args:
            source: The original and the photos.
            teaching: Gives pixels and the original's answers.
            progress: Told of each batch.
        """
        self._source, self._teaching, self._progress = source, teaching, progress

    def prepare(self) -> None:
        """Get all pixels and answers that will be asked for.

        Raises:
            ImageError: If a photo can't be read.
            OutputError: If the cache can't be written.
        """
        for photos, views in ((self._source.validation, 1), (self._source.held_back, CHOICE_VIEWS + 1)):
            for number in range(views if photos else 0):
                self._teaching.pixels(photos, number, self._progress)
                self._teaching.answers(photos, number, self._progress)

    def accuracy(self, network: PlainNetwork, photos: Sequence[Photo]) -> float:
        """The share of photos that it gets right, as they are."""
        said = self._probabilities(_predictor(network), photos, 0)
        return float((said.argmax(axis=1) == self._source.classes(photos)).mean())

    def chosen_accuracy(self, network: PlainNetwork) -> float:
        """The same on the photos for choices; on the validation photos where none were kept for them."""
        return self.accuracy(network, self._source.held_back or self._source.validation)

    def chosen(self, network: PlainNetwork) -> Choice:
        """How it does on the photos for choices; on the validation photos where none were kept for them."""
        held_back = self._source.held_back
        photos = held_back or self._source.validation
        classes, predictor = self._source.classes(photos), _predictor(network)
        right: list[float] = []
        original_right: list[float] = []
        for number in range(CHOICE_VIEWS + 1 if held_back else 1):
            original = self._teaching.answers(photos, number, self._progress).probabilities
            smaller = self._probabilities(predictor, photos, number)
            right.append(float((smaller.argmax(axis=1) == classes).mean()))
            original_right.append(float((original.argmax(axis=1) == classes).mean()))
        return Choice(right[0], original_right[0], 100 * float(np.mean(original_right) - np.mean(right)))

    def last_word(self, networks: Sequence[PlainNetwork], bounds: Bounds) -> list[Verdict]:
        """On photos that chose nothing, one network after the other, up to the first that loses no more than allowed.

        Where that isn't the first of all, these photos have chosen, too. The upper limits of the drops hold
        whichever it is.
        """
        verdicts: list[Verdict] = []
        for network in networks:
            verdicts.append(self._verdict(network, bounds, len(networks)))
            if bounds.allows(verdicts[-1].record.drop_points):
                break
        return verdicts

    def _verdict(self, network: PlainNetwork, bounds: Bounds, candidates: int) -> Verdict:
        photos = self._source.validation
        said = self._probabilities(_predictor(network), photos, 0)
        answers = PairedAnswers(
            self._source.classes(photos).astype(np.intp),
            self._teaching.answers(photos, 0, self._progress).probabilities,
            said,
        )
        allowed = 100.0 if bounds.max_drop is None else bounds.max_drop
        record = judge_accuracy(
            answers, max_drop_points=allowed, photos_from="the run's validation photos", candidates=candidates
        )
        return Verdict(record, said)

    def _probabilities(self, predictor: Any, photos: Sequence[Photo], number: int) -> npt.NDArray[np.float32]:
        rows = self._teaching.pixels(photos, number, self._progress)
        parts = []
        self._progress("judging", 0, len(photos))
        for start in range(0, len(photos), _BATCH):
            taken = rows.take(range(start, min(start + _BATCH, len(photos))))
            parts.append(np.asarray(predictor.predict_on_batch(taken), np.float32))
            self._progress("judging", min(start + _BATCH, len(photos)), len(photos))
        return class_probabilities(np.concatenate(parts))


def _predictor(network: PlainNetwork) -> Any:
    model = build_model(network)
    model.compile(jit_compile=prediction_jit())
    return model
