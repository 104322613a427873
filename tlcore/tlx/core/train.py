"""Training, from a folder of photos to a finished run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tlx import atomic
from tlx.cache import cache_folder
from tlx.core import runs
from tlx.core.backbone import MINIMUM_SIZE, build_trunk, read_trunk_weights
from tlx.core.curves import draw_curves
from tlx.core.fitting import Examples, Fit, fit_phase
from tlx.core.model import assemble, build_head
from tlx.core.photos import Dataset, Split, load_dataset
from tlx.core.recipes import Recipe
from tlx.core.runs import Run
from tlx.core.trunk import TrunkSpec, frozen_features
from tlx.core.weights.chain import PretrainedWeights, load_weights
from tlx.errors import DataError, InputError
from tlx.export.frameworks import import_keras
from tlx.progress import Progress, deaf, silent
from tlx.runtime import environment


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of a training: ``progress`` of steps, ``notify`` of facts worth a line."""

    progress: Progress = silent
    notify: Callable[[str], None] = deaf


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a person chooses for one training.

    Attributes:
        weights: See :func:`tlx.core.weights.chain.load_weights`; not used with ``started_from``.
        started_from: A run whose network (convolutions and head) is the starting point.
        strict: Refuse photos that can't be read instead of leaving them out.
    """

    recipe: Recipe
    seed: int = 0
    weights: str = "imagenet"
    started_from: Run | None = None
    strict: bool = False
    runs_root: Path = runs.RUNS_FOLDER


def train(data: Path, options: TrainOptions, listener: Listener = Listener()) -> Run:
    """Train a classifier on a folder of labelled photos.

    Args:
        data: See :mod:`tlx.core.photos` for its layouts.
        options: Recipe, seed, starting point.
        listener: Told how it goes.

    Returns:
        The finished run.

    Raises:
        DataError: If the photos can't be trained on.
        WeightsError: If the pretrained weights can't be had.
        OutputError: If the run or the cache can't be written.
    """
    if min(options.recipe.size_hw) < MINIMUM_SIZE:
        raise InputError(f"--size {min(options.recipe.size_hw)}: VGG16 needs at least {MINIMUM_SIZE} pixels")
    clock = _Clock()
    with clock.measure("check"):
        dataset = load_dataset(data, seed=options.seed, strict=options.strict, progress=listener.progress)
    _tell_data(dataset, listener)
    if options.started_from:
        _require_same_labels(dataset, options.started_from)
    with runs.new_run(options.recipe.name, options.runs_root) as (name, folder):
        weights, head_weights = _starting_point(options, listener)
        keras = import_keras()
        keras.utils.set_random_seed(options.seed)
        trunk = build_trunk(weights, options.recipe.size_hw, options.recipe.preprocessing)
        with clock.measure("features"):
            examples = _extract(trunk, dataset, weights, options.recipe, listener)
        with clock.measure("training"):
            head, fit = _train_head(examples, len(dataset.labels), options, head_weights, listener)
        classifier = assemble(trunk, head)
        _write_run(folder, classifier, fit, dataset)
        record = runs.RunRecord(
            name=name,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            seed=options.seed,
            recipe=options.recipe.to_dict(),
            started_from=options.started_from.record.name if options.started_from else None,
            data=_data_record(dataset),
            weights=runs.WeightsRecord(name=weights.name, is_imagenet=weights.is_imagenet, sha256=weights.sha256),
            result=_result_record(fit, clock),
            layers=_layer_records(classifier),
            trainable_tensors=(len(classifier.trainable_weights), len(classifier.weights)),
            environment=environment.describe(),
        )
        runs.write_record(folder, record)
    return runs.open_run(options.runs_root / name)


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started_s = time.monotonic()
        yield
        self.seconds[stage] = round(time.monotonic() - started_s, 2)


def _tell_data(dataset: Dataset, listener: Listener) -> None:
    for problem in dataset.problems:
        listener.notify(f"left out: {problem}")
    counts = _counts(dataset)
    for split, by_label in counts.items():
        listener.notify(f"{split}: " + ", ".join(f"{count} {label}" for label, count in by_label.items()))
    listener.notify(f"{len(dataset.problems)} photos left out" if dataset.problems else "all photos are readable")


def _counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    found = {split: Counter(photo.label for photo in dataset.split(split)) for split in splits}
    return {split: {label: count[label] for label in dataset.labels} for split, count in found.items() if count}


def _require_same_labels(dataset: Dataset, run: Run) -> None:
    if list(dataset.labels) != run.labels:
        raise DataError(
            f"{dataset.root}: --from {run.record.name} knows the classes {', '.join(run.labels)}, "
            f"these photos are of {', '.join(dataset.labels)}: train without --from"
        )


def _starting_point(options: TrainOptions, listener: Listener) -> tuple[PretrainedWeights, list[Any] | None]:
    """The convolutions to start from, and the head's weights where an earlier run is continued."""
    run = options.started_from
    if run is None:
        weights = load_weights(options.weights, progress=listener.progress)
        for line in weights.notes:
            listener.notify(line)
        return weights, None
    keras = import_keras()
    model = keras.models.load_model(run.model_path, compile=False)
    weights = read_trunk_weights(model, run.recipe.preprocessing, run.record.weights.name)
    head_weights = [value for name in ("hidden", "output") for value in model.get_layer(name).get_weights()]
    return weights, head_weights


def _extract(
    trunk: Any, dataset: Dataset, weights: PretrainedWeights, recipe: Recipe, listener: Listener
) -> tuple[Examples, Examples]:
    spec = TrunkSpec(
        weights_sha256=weights.sha256,
        size_hw=recipe.size_hw,
        preprocessing=recipe.preprocessing,
        resize=recipe.resize,
    )
    splits: tuple[Split, Split] = ("train", "validation")
    photos = [dataset.split(split) for split in splits]
    features = frozen_features(
        trunk, photos[0] + photos[1], spec=spec, cache_root=cache_folder() / "trunk", progress=listener.progress
    )
    ends = (features[: len(photos[0])], features[len(photos[0]) :])
    train_part, validation_part = (
        Examples(part, np.array(dataset.class_indices(of), np.int32)) for part, of in zip(ends, photos, strict=True)
    )
    return train_part, validation_part


def _train_head(
    examples: tuple[Examples, Examples],
    classes: int,
    options: TrainOptions,
    head_weights: list[Any] | None,
    listener: Listener,
) -> tuple[Any, Fit]:
    head = build_head(options.recipe.head, examples[0].features.shape[1:], classes)
    if head_weights is not None:
        head.set_weights(head_weights)
    (phase,) = options.recipe.phases
    fit = fit_phase(head, phase, train=examples[0], validation=examples[1], progress=listener.progress)
    return head, fit


def _write_run(folder: Path, classifier: Any, fit: Fit, dataset: Dataset) -> None:
    with atomic.replacing(folder / "model.keras") as temporary:
        classifier.save(temporary)
    runs.write_photos(folder, dataset)
    runs.write_history(folder, fit.history)
    draw_curves(fit.history, f"{dataset.root.name}: {folder.name.lstrip('.')}", folder / "curves.png")


def _data_record(dataset: Dataset) -> runs.DataRecord:
    return runs.DataRecord(
        root=str(dataset.root.resolve()),
        labels=list(dataset.labels),
        counts=_counts(dataset),
        sha256=dataset.sha256,
        problems=list(dataset.problems),
    )


def _result_record(fit: Fit, clock: _Clock) -> runs.ResultRecord:
    kept = fit.history[fit.kept_epoch - 1]
    return runs.ResultRecord(
        epochs=len(fit.history),
        kept_epoch=fit.kept_epoch,
        validation_accuracy=kept["val_accuracy"],
        validation_loss=kept["val_loss"],
        training_accuracy=kept["accuracy"],
        seconds=clock.seconds,
    )


def _layer_records(model: Any) -> list[runs.LayerRecord]:
    return [
        runs.LayerRecord(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=list(layer.output.shape[1:]),
            parameters=layer.count_params(),
            trainable=bool(layer.trainable_weights),
        )
        for layer in model.layers
    ]
