"""Fixtures of the tests of tlx.core.report: reports of made-up runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from pydantic import Field
from tests.core.compression_records import made_up_compression, made_up_passes

from tlx.core.augmentation import DEFAULT, Augmentation
from tlx.core.evaluation.evaluate import Evaluation, assess
from tlx.core.evaluation.labelled import LabelledPhoto, LabelledPhotos
from tlx.core.evaluation.predicting import Predictions
from tlx.core.evaluation.predictors import ModelSpec
from tlx.core.photos import load_dataset
from tlx.core.report.source import ReportSource
from tlx.core.runs import DataRecord, LayerRecord, ResultRecord, RunRecord, WeightsRecord
from tlx.errors import ImageError


class EnergyResult(ResultRecord):
    """A result that also tells the joules of stages."""

    energy_j: dict[str, float] = Field(default_factory=dict)


def made_up_history(phases: dict[str, int]) -> list[dict[str, Any]]:
    """Curves that fall and rise as they do, over the phases' epochs."""
    names = [name for name, epochs in phases.items() for _ in range(epochs)]
    return [
        {
            "phase": name,
            "epoch": epoch,
            "loss": 1 / epoch,
            "accuracy": 1 - 0.3 / epoch,
            "val_loss": 0.1 + 0.8 / epoch,
            "val_accuracy": 0.97 - 0.3 / epoch,
            "seconds": 0.5,
            "learning_rate": 1e-3 / epoch,
        }
        for epoch, name in enumerate(names, start=1)
    ]


def made_up_evaluation(
    labels: Sequence[str], photos: Sequence[Path], root: Path, *, wrong: int = 0, unreadable: int = 0
) -> Evaluation:
    """Photos of all classes in turn; the first ``wrong`` ones are taken for the next class."""
    listed = tuple(LabelledPhoto(path, labels[n % len(labels)]) for n, path in enumerate(photos))
    read = len(photos) - unreadable
    probabilities = np.full((read, len(labels)), 0.1 / len(labels), np.float32)
    for n in range(read):
        probabilities[n, (n + (n < wrong)) % len(labels)] += 0.9
    predictions = Predictions(
        tuple(range(read)),
        probabilities,
        tuple(map(str, range(read))),
        tuple(ImageError(photos[read + n], "is broken") for n in range(unreadable)),
    )
    model = ModelSpec("run", "keras.tensorflow", tuple(labels), 0.5, (32, 32), "area")
    return assess(model, LabelledPhotos(root, "validation", listed), predictions)


def made_up_record(labels: Sequence[str], *, epochs: int, name: str = "2026-01-31T12-00-00-default") -> RunRecord:
    return RunRecord(
        name=name,
        created_utc="2026-01-31T12:00:00+00:00",
        seed=0,
        recipe={
            "name": "default",
            "size_hw": [32, 32],
            "head": {"units": 256, "dropout": 0.5},
            "phases": [
                {"name": "head", "epochs": 4, "optimizer": "adam", "learning_rate": 1e-3, "schedule": None},
                {"name": "block5", "epochs": 6, "optimizer": "adamw", "schedule": {"kind": "cosine"}},
            ],
        },
        started_from=None,
        data=DataRecord(
            root="/photos",
            labels=list(labels),
            counts={"train": dict.fromkeys(labels, 12), "validation": dict.fromkeys(labels, 6)},
            sha256="0" * 64,
            problems=["/photos/train/dull.jpg: is truncated"],
        ),
        weights=WeightsRecord(name="imagenet", is_imagenet=True, sha256="1" * 64),
        result=EnergyResult(
            epochs=epochs,
            kept_epoch=epochs,
            validation_accuracy=0.9,
            validation_loss=0.3,
            training_accuracy=0.95,
            seconds={"check": 0.5, "features": 100.0, "block5": 599.5},
            energy_j={"block5": 7200.0},
        ),
        layers=[LayerRecord(name="image", kind="InputLayer", output_shape=[32, 32, 3], parameters=0, trainable=False)],
        trainable_tensors=(4, 30),
        environment={"processor": "a processor", "versions": {"tlx": "0.1.0"}},
    )


class SourceMaker(Protocol):
    """Makes the source of a report on the photos of :func:`colour_photos`."""

    def __call__(
        self,
        *,
        labels: Sequence[str] = ...,
        wrong: int = ...,
        augmentation: Augmentation | None = ...,
        missing: bool = ...,
        photos: int = ...,
    ) -> ReportSource: ...


@pytest.fixture(scope="session")
def make_source(colour_photos: Path) -> SourceMaker:
    """See :class:`SourceMaker`."""
    dataset = load_dataset(colour_photos)

    def make(
        *,
        labels: Sequence[str] = ("blue", "red"),
        wrong: int = 2,
        augmentation: Augmentation | None = DEFAULT,
        missing: bool = False,
        photos: int = 12,
    ) -> ReportSource:
        history = made_up_history({"head": 4, "block5": 6})
        files = [photo.path for photo in dataset.split("validation")]
        listed = [files[n % len(files)] for n in range(photos)]
        if missing:
            listed = [path.with_name(f"gone {n} <b>.jpg") for n, path in enumerate(listed)]
        return ReportSource(
            record=made_up_record(labels, epochs=len(history)),
            history=history,
            evaluation=made_up_evaluation(labels, listed, colour_photos, wrong=wrong),
            augmentation=augmentation,
            training_photos=dataset.split("train"),
            seed=0,
            size_hw=(32, 32),
        )

    return make


@pytest.fixture(scope="session")
def compressed_source(make_source: SourceMaker) -> ReportSource:
    """The source of a report of a run that compression made."""
    source = make_source(augmentation=None)
    passes = made_up_passes()
    record = made_up_record(("blue", "red"), epochs=len(passes), name="2026-01-31T12-00-00-compressed")
    record = record.model_copy(update={"compression": made_up_compression()})
    return replace(source, record=record, history=passes)
