"""Training from cached features is training end to end: the same losses, step by step.

The one difference is that features are kept in 16 bits. Where a small change of a weight changes little, losses stay
within 1 % for as long as anybody looked. Where a training is chaotic (few photos, small batches, Adam's first steps, in
which the sign of a gradient near zero decides) any rounding grows; so there the whole network rounds at the same place.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.core.augmentation import ViewKey
from tlx.core.photos import Dataset, Photo, load_dataset
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.run_folder import Start
from tlx.core.training.batches import encode_targets, epoch_order, steps_in
from tlx.core.training.compiling import compile_tail
from tlx.core.training.devices import Compute
from tlx.core.training.fitting import FitListener
from tlx.core.training.learning import Lesson, build_for, learn, open_features
from tlx.core.training.network import Network, set_trainable
from tlx.core.trunk.features import CachePlace
from tlx.core.views import view_of
from tlx.export.frameworks import import_keras
from tlx.images import read

if TYPE_CHECKING:
    from tlx.core.weights.chain import PretrainedWeights

SEED = 3


def shortened(preset: str, **changes: Any) -> Recipe:
    """Head, then more, both on two augmented views, in few small steps."""
    recipe = find_preset(preset)
    head, tuning = (dataclasses.replace(phase, batch_size=8, views=2) for phase in recipe.phases)
    phases = (dataclasses.replace(head, epochs=2), dataclasses.replace(tuning, epochs=2))
    return dataclasses.replace(recipe, phases=phases, **changes)


def from_the_cache(lesson: Lesson, root: Path) -> list[float]:
    """The loss of each step of the product's own training."""
    compute = Compute("CPU")
    network = build_for(lesson, compute)
    losses: list[float] = []
    before = [0.0, 0.0]

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if stage in {phase.name for phase in lesson.recipe.phases}:
            # Keras keeps the sum over an epoch's photos, and how many they were.
            sums = [float(np.asarray(variable)) for variable in network.tail.metrics[0].variables]
            phase = next(phase for phase in lesson.recipe.phases if phase.name == stage)
            if (done - 1) % steps_in(len(lesson.dataset.split("train")), phase.batch_size) == 0:
                before[:] = [0.0, 0.0]
            losses.append((sums[0] - before[0]) / (sums[1] - before[1]))
            before[:] = sums

    features = open_features(lesson, network, compute, CachePlace(root))
    learn(lesson, network, features, compute, FitListener(progress=progress))
    return losses


def end_to_end(lesson: Lesson, *, rounded: bool = False) -> list[float]:
    """The loss of each step of the whole network on pixels, by nothing but Keras.

    If ``rounded``, the output of the frozen layers passes through 16 bits.
    """
    network, recipe, photos = build_for(lesson, Compute("CPU")), lesson.recipe, lesson.dataset.split("train")
    model = _rounding(network) if rounded else network.classifier
    targets = encode_targets(np.array(lesson.dataset.class_indices(photos), np.int32), model.output_shape[-1])
    losses: list[float] = []
    epochs = 0
    for phase in recipe.phases:
        set_trainable(network, phase)
        compile_tail(model, phase, steps_per_epoch=steps_in(len(photos), phase.batch_size))
        for epoch in range(phase.epochs):
            number = phase.view_number(epoch, epochs - epoch)
            views_rgb = np.stack([view(photo, number, recipe) for photo in photos])
            order = epoch_order(len(photos), seed=SEED, epoch=epochs)
            for start in range(0, len(photos), phase.batch_size):
                places = order[start : start + phase.batch_size]
                model.reset_metrics()
                losses.append(float(model.train_on_batch(views_rgb[places], targets[places])[0]))
            epochs += 1
    return losses


def _rounding(network: Network) -> Any:
    keras = import_keras()
    assert network.trunk is not None
    image = keras.Input(network.trunk.input_shape[1:], dtype="uint8")
    features = keras.ops.cast(keras.ops.cast(network.trunk(image), "float16"), "float32")
    return keras.Model(image, network.tail(features))


def view(photo: Photo, number: int, recipe: Recipe) -> Any:
    key = ViewKey(SEED, photo.sha256, number)
    return view_of(read(photo.path), key, augmentation=recipe.augmentation, size_hw=recipe.size_hw)


def require_varied(losses: list[float], lesson: Lesson) -> None:
    """Losses that are all alike would show nothing."""
    steps = steps_in(len(lesson.dataset.split("train")), lesson.recipe.phases[0].batch_size)
    assert len(losses) == 4 * steps
    assert np.std(losses) > 0.1 * np.mean(losses)


@pytest.mark.parametrize("unfreeze_from", ["block5_conv1", "block3_conv2", "block1_conv1"])
def test_each_step_has_the_loss_of_end_to_end(
    colour_photos: Path, random_weights: PretrainedWeights, tmp_path: Path, unfreeze_from: str
) -> None:
    recipe = shortened("default", size_hw=(32, 32), preprocessing="rescale").changed(unfreeze_from=unfreeze_from)
    dataset = load_dataset(colour_photos)
    lesson = Lesson(recipe, SEED, dataset, Start(random_weights, {}), tmp_path / "checkpoint.npz")
    losses = from_the_cache(lesson, tmp_path / "trunk")
    require_varied(losses, lesson)
    np.testing.assert_allclose(losses, end_to_end(lesson), rtol=0.01)


@pytest.fixture
def real_photos(photos_dir: Path, tmp_path: Path) -> Dataset:
    for split, count in (("train", 24), ("validation", 4)):
        for label in ("cats", "dogs"):
            (tmp_path / "photos" / split / label).mkdir(parents=True)
            for path in sorted((photos_dir / split / label).iterdir())[:count]:
                (tmp_path / "photos" / split / label / path.name).symlink_to(path)
    return load_dataset(tmp_path / "photos")


@pytest.mark.slow
@pytest.mark.weights
def test_each_step_has_the_loss_of_end_to_end_on_real_photos(
    real_photos: Dataset, imagenet_weights: PretrainedWeights, tmp_path: Path
) -> None:
    recipe = shortened("book-finetune", size_hw=(64, 64))
    lesson = Lesson(recipe, SEED, real_photos, Start(imagenet_weights, {}), tmp_path / "checkpoint.npz")
    losses = from_the_cache(lesson, tmp_path / "trunk")
    require_varied(losses, lesson)
    np.testing.assert_allclose(losses, end_to_end(lesson), rtol=0.01)


@pytest.mark.slow
@pytest.mark.weights
def test_sixteen_bits_are_all_that_differs_from_end_to_end(
    real_photos: Dataset, imagenet_weights: PretrainedWeights, tmp_path: Path
) -> None:
    recipe = shortened("default", size_hw=(64, 64))
    lesson = Lesson(recipe, SEED, real_photos, Start(imagenet_weights, {}), tmp_path / "checkpoint.npz")
    losses = from_the_cache(lesson, tmp_path / "trunk")
    require_varied(losses, lesson)
    np.testing.assert_allclose(losses, end_to_end(lesson, rounded=True), rtol=1e-4, atol=1e-4)
