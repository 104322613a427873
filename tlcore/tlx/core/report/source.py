"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlx.contract import ResizeMethod
from tlx.core.augmentation import Augmentation
from tlx.core.evaluation.evaluate import Evaluation
from tlx.core.photos import Photo
from tlx.core.runs import RunRecord


@dataclass(frozen=True, slots=True)
class ReportSource:
    """Everything that the page of a run tells.

    Attributes:
        record: The run's own document.
        history: One row an epoch over all phases: ``loss``, and where known ``accuracy``, ``val_loss``,
            ``val_accuracy``, ``phase``, ``seconds``, ``learning_rate``, ``photos``.
        evaluation: Of the kept weights, on the validation photos.
        augmentation: That of the training; None if it had none.
        training_photos: Some of them are drawn with their views.
        seed: That of the views.
        size_hw: What the model takes, in pixels.
        resize: How photos get that size.
    """

    record: RunRecord
    history: Sequence[Mapping[str, Any]]
    evaluation: Evaluation
    augmentation: Augmentation | None
    training_photos: Sequence[Photo]
    seed: int
    size_hw: tuple[int, int]
    resize: ResizeMethod = "area"
