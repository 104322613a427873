"""From labelled photos to a trained network: the part of a training that computes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.photos import Dataset, Photo
from tlx.core.recipes.recipe import Recipe
from tlx.core.run_folder import Start
from tlx.core.training.batches import Examples, encode_targets
from tlx.core.training.devices import Compute
from tlx.core.training.fitting import FitListener, FitPlan, Fitter
from tlx.core.training.network import Network, build_network, head_weights, set_head_weights, set_trainable
from tlx.core.training.sharing import SharedTrunk, share_tail
from tlx.core.training.state import TrainingState, load_checkpoint
from tlx.core.training.validating import predict, predict_photos
from tlx.core.trunk.extraction import ViewMaker
from tlx.core.trunk.features import CachePlace, TrunkFeatures
from tlx.core.trunk.spec import TrunkSpec
from tlx.core.trunk.store import Rows
from tlx.export.frameworks import seed_everything
from tlx.stopping import deferred_stop, stopping_progress


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned, from what.

    Attributes:
        class_weights: How much a photo of each class counts in the loss; empty: all the same.
        checkpoint: Written as the training goes, and taken up where it is there.
        checkpoint_minutes: See :class:`~tlx.core.training.fitting.FitPlan`.
    """

    recipe: Recipe
    seed: int
    dataset: Dataset
    start: Start
    checkpoint: Path
    class_weights: dict[int, float] = field(default_factory=dict)
    checkpoint_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What a training made.

    Attributes:
        classifier: In ``float32``, from ``uint8`` RGB pixels to probabilities; layers are trainable as in the last
            phase.
        state: With the history.
        probabilities: ``float32 [N, classes]``, of the validation photos.
    """

    classifier: Any
    state: TrainingState
    probabilities: npt.NDArray[np.float32]


def build_for(lesson: Lesson, compute: Compute) -> Network:
    """The network as the training starts: the same for the same seed."""
    seed_everything(lesson.seed)
    with compute.scope():
        network = build_network(lesson.start.weights, lesson.recipe, len(lesson.dataset.labels), compute.dtype)
        set_head_weights(network.classifier, lesson.start.head)
        if compute.strategy is not None:
            trunk = None if network.trunk is None else SharedTrunk(network.trunk, compute.strategy)
            network = dataclasses.replace(network, trunk=trunk, tail=share_tail(network.tail))
    return network


def open_features(lesson: Lesson, network: Network, compute: Compute, place: CachePlace) -> TrunkFeatures:
    """The cached features of the network's trunk."""
    recipe = lesson.recipe
    spec = TrunkSpec(
        weights_sha256=lesson.start.weights.sha256,
        size_hw=recipe.size_hw,
        preprocessing=recipe.preprocessing,
        resize=recipe.resize,
        layer=recipe.cut_layer,
        dtype=compute.dtype,
    )
    return TrunkFeatures(network.trunk, spec, view_maker(lesson), place)


def view_maker(lesson: Lesson) -> ViewMaker:
    """Makes the views of the lesson's photos."""
    recipe = lesson.recipe
    return ViewMaker(recipe.augmentation, lesson.seed, recipe.size_hw, recipe.resize)


def learn(
    lesson: Lesson,
    network: Network,
    features: TrunkFeatures,
    compute: Compute,
    listener: FitListener = FitListener(),
) -> Learned:
    """Train the network, from its start or from its checkpoint.

    Raises:
        RunawayError: If the loss stops being a number.
        RunError: If the checkpoint doesn't fit.
        OutputError: If the cache or the checkpoint can't be written.
        KeyboardInterrupt: After Ctrl-C, once the batch or step in progress is done.
    """
    with deferred_stop() as stop:
        progress = stopping_progress(listener.progress, stop)
        return _learn(lesson, network, features, compute, dataclasses.replace(listener, progress=progress))


def _learn(
    lesson: Lesson, network: Network, features: TrunkFeatures, compute: Compute, listener: FitListener
) -> Learned:
    examples = _Examples(lesson, features, units=network.tail.output_shape[-1], listener=listener)
    plan = FitPlan(
        recipe=lesson.recipe,
        seed=lesson.seed,
        photos=len(examples.photos),
        train=examples.train,
        validation=examples.validation(),
        classes=examples.validation_classes,
        checkpoint=lesson.checkpoint,
        checkpoint_minutes=lesson.checkpoint_minutes,
        jit_compile=compute.jit_compile,
        devices=compute.devices,
    )
    resumed = load_checkpoint(lesson.checkpoint) if lesson.checkpoint.exists() else None
    with compute.scope():
        state = Fitter(network, plan, listener).run(resumed)
    classifier = in_float32(lesson, network)
    if compute.dtype == "float32":
        probabilities = predict(network.tail, plan.validation)
    else:
        # What is kept computes in 32 bits, so that is what has to be judged.
        with listener.stopwatch.measure("validation"):
            photos = lesson.dataset.split("validation")
            probabilities = predict_photos(classifier, photos, view_maker(lesson), listener.progress)
    return Learned(classifier, state, probabilities)


class _Examples:
    """The photos of both splits as the fitter takes them."""

    def __init__(self, lesson: Lesson, features: TrunkFeatures, *, units: int, listener: FitListener) -> None:
        dataset = lesson.dataset
        self.photos: list[Photo] = dataset.split("train")
        self._validation_photos = dataset.split("validation")
        classes = np.array(dataset.class_indices(self.photos), np.int32)
        self.validation_classes = np.array(dataset.class_indices(self._validation_photos), np.int32)
        self._targets = encode_targets(classes, units)
        self._validation_targets = encode_targets(self.validation_classes, units)
        self._weights = None
        if lesson.class_weights:
            self._weights = np.array([lesson.class_weights[place] for place in classes.tolist()], np.float32)
        self._features = features
        self._progress = listener.progress
        self._stopwatch = listener.stopwatch
        views = set().union(*lesson.recipe.view_numbers())
        self._lacking = features.missing(self._validation_photos, 0)
        self._lacking += sum(features.missing(self.photos, number) for number in views)
        self._computed = 0

    def train(self, number: int) -> Examples:
        return Examples(self._rows(self.photos, number), self._targets, self._weights)

    def validation(self) -> Examples:
        rows = self._rows(self._validation_photos, 0)
        self._features.pin(self._validation_photos, 0)
        return Examples(rows, self._validation_targets)

    def _rows(self, photos: list[Photo], number: int) -> Rows:
        """One count for the views of the whole training, however many there are."""
        before = self._computed

        def progress(stage: str, done: int, total: int, note: str = "") -> None:
            del total
            self._computed = before + done
            # Views that had to make room are computed again, beyond what was lacking at the start.
            self._progress(stage, self._computed, max(self._lacking, self._computed), note)

        with self._stopwatch.measure("features"):
            return self._features.rows(photos, number, progress)


def in_float32(lesson: Lesson, network: Network) -> Any:
    """The classifier as it's saved: built anew, so that it has neither 16-bit layers nor a strategy."""
    clean = build_network(lesson.start.weights, lesson.recipe, len(lesson.dataset.labels))
    for layer in network.classifier.layers:
        if layer.weights:
            clean.classifier.get_layer(layer.name).set_weights(layer.get_weights())
    set_trainable(clean, lesson.recipe.phases[-1])
    assert head_weights(clean.classifier).keys() == head_weights(network.classifier).keys()
    return clean.classifier
