"""What a step of fine-tuning block5 costs: from the cache, end to end, and the bare arithmetic of what trains.

All of it on the real network at 150 x 150 pixels in batches of 32, in one process, in turn within each round, so that
a change of the machine's speed hits all alike:

    python benchmarks/finetune_step.py ../shared/data/cats_dogs

- ``cache``: the product's own loop (:class:`tlx.core.training.fitting.Fitter`) from memory-mapped shards, from the
  first preparation of an epoch to the end of its last step;
- ``end_to_end``, ``end_to_end_xla``: Keras's ``fit`` of the whole network, blocks 1 to 4 frozen, from ready arrays;
- ``bare``: forward, backward and update of the tail as one compiled function, on one ready batch.

Prints one JSON object; ``--output FILE`` also writes it. The aims: end to end (the faster one) over cache at least 4,
cache over bare at most 1.25.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx.core.photos import Photo
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Phase, Recipe
from tlx.core.training.batches import Examples, encode_targets
from tlx.core.training.compiling import compile_tail
from tlx.core.training.fitting import FitListener, FitPlan, Fitter
from tlx.core.training.network import Network, build_network, set_trainable
from tlx.core.trunk.extraction import ViewMaker
from tlx.core.trunk.features import CachePlace, TrunkFeatures
from tlx.core.trunk.spec import TrunkSpec
from tlx.core.weights.chain import PretrainedWeights, load_weights
from tlx.export.frameworks import import_keras, import_tensorflow
from tlx.images import PHOTO_SUFFIXES
from tlx.runtime import environment

CLASSES: Final = 2
END_TO_END_STEPS: Final = 2
AT_LEAST_FASTER: Final = 4.0
AT_MOST_OVER_BARE: Final = 1.25


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked for.

    Attributes:
        data: Folder of photos.
        rounds: Counted ones.
        steps: From the cache, and bare, in each round.
        size: Pixels of a side.
        weights: See :func:`tlx.core.weights.chain.load_weights`.
    """

    data: Path
    rounds: int
    steps: int
    size: int
    weights: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What all ways have in common."""

    recipe: Recipe
    weights: PretrainedWeights
    photos: Sequence[Photo]
    targets: npt.NDArray[np.float32]

    @property
    def phase(self) -> Phase:
        """The one that is timed."""
        return self.recipe.phases[0]

    def network(self) -> Network:
        """A network of its own for each way."""
        network = build_network(self.weights, self.recipe, CLASSES)
        set_trainable(network, self.phase)
        return network


@dataclass(slots=True)
class Epochs:
    """Notes the seconds of the product's epochs, and lets the others run after each."""

    others: dict[str, Callable[[], float]]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    _started_s: float = 0.0
    _last_step_s: float = 0.0

    def begin(self) -> None:
        """An epoch is being prepared."""
        self._started_s = time.perf_counter()

    def step(self, stage: str, done: int, total: int, note: str = "") -> None:
        """A step is done."""
        del stage, done, total, note
        self._last_step_s = time.perf_counter()

    def end(self, steps: int) -> None:
        """An epoch is done and validated."""
        self.seconds.setdefault("cache", []).append((self._last_step_s - self._started_s) / steps)
        for name, time_step in self.others.items():
            self.seconds.setdefault(name, []).append(time_step())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder of photos, with or without subfolders")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="from the cache, and bare, in each round")
    parser.add_argument("--size", type=int, default=150, help="pixels")
    parser.add_argument("--weights", default="imagenet", help="imagenet, a file, or none for random ones")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    work = Work(arguments.data, arguments.rounds, arguments.steps, arguments.size, arguments.weights)
    result = measure(work)
    deliver(result, arguments.output)


def measure(work: Work) -> dict[str, Any]:
    """Time all ways; a first round isn't counted."""
    rounds, steps = work.rounds, work.steps
    setting = prepare(work)
    with tempfile.TemporaryDirectory() as folder:
        seconds = {name: values[1:] for name, values in run(setting, Path(folder)).items()}
    end_to_end = [min(pair) for pair in zip(seconds["end_to_end"], seconds["end_to_end_xla"], strict=True)]
    faster = [slow / fast for slow, fast in zip(end_to_end, seconds["cache"], strict=True)]
    over_bare = [cache / bare for cache, bare in zip(seconds["cache"], seconds["bare"], strict=True)]
    return {
        "benchmark": "finetune_step",
        "size_hw": setting.recipe.size_hw,
        "batch": setting.phase.batch_size,
        "unfreeze_from": setting.phase.unfreeze_from,
        "rounds": rounds,
        "steps_a_round": {"cache": steps, "bare": steps, "end_to_end": END_TO_END_STEPS},
        "end_to_end_over_cache": spread(faster),
        "cache_over_bare": spread(over_bare),
        "aims_met": statistics.median(faster) >= AT_LEAST_FASTER and statistics.median(over_bare) <= AT_MOST_OVER_BARE,
        "seconds_a_step": {name: spread(values) for name, values in seconds.items()},
        "environment": environment.describe(),
    }


def prepare(work: Work) -> Setting:
    """The default recipe's fine-tuning on the plain views of as many photos as the steps take."""
    data, steps = work.data, work.steps
    preset = find_preset("default").changed(size=work.size)
    phase = replace(preset.phases[-1], epochs=work.rounds + 1, views=0)
    paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    paths = [path for path in paths if "test" not in path.relative_to(data).parts]
    # From all classes: an even walk through the sorted names.
    paths = [paths[place] for place in np.linspace(0, len(paths) - 1, steps * phase.batch_size).astype(int)]
    photos = [Photo(path, path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest(), "train") for path in paths]
    labels = sorted({photo.label for photo in photos})
    classes = np.array([labels.index(photo.label) % CLASSES for photo in photos], np.int32)
    return Setting(
        recipe=replace(preset, phases=(phase,)),
        weights=load_weights(work.weights),
        photos=photos,
        targets=encode_targets(classes, CLASSES),
    )


def run(setting: Setting, folder: Path) -> dict[str, list[float]]:
    """Seconds a step by way and round."""
    import_keras().utils.set_random_seed(0)
    recipe, phase, photos = setting.recipe, setting.phase, setting.photos
    network = setting.network()
    spec = TrunkSpec(setting.weights.sha256, recipe.size_hw, recipe.preprocessing, recipe.resize, recipe.cut_layer)
    maker = ViewMaker(recipe.augmentation, 0, recipe.size_hw, recipe.resize)
    features = TrunkFeatures(network.trunk, spec, maker, CachePlace(folder / "trunk"))
    steps = len(photos) // phase.batch_size
    batch = features.rows(photos, 0).take(range(phase.batch_size))
    ready_rgb = np.stack([maker.make(photo, 0) for photo in photos[: END_TO_END_STEPS * phase.batch_size]])
    epochs = Epochs(
        {
            "bare": bare_timer(setting, batch, steps),
            "end_to_end": end_to_end_timer(setting, ready_rgb, jit_compile=False),
            "end_to_end_xla": end_to_end_timer(setting, ready_rgb, jit_compile=True),
        }
    )

    def train(number: int) -> Examples:
        epochs.begin()
        return Examples(features.rows(photos, number), setting.targets)

    validation = photos[: phase.batch_size]
    plan = FitPlan(
        recipe=recipe,
        seed=0,
        photos=len(photos),
        train=train,
        validation=Examples(features.rows(validation, 0), setting.targets[: len(validation)]),
        classes=setting.targets[: len(validation)].argmax(axis=1).astype(np.int32),
        checkpoint=folder / "checkpoint.npz",
    )
    listener = FitListener(progress=epochs.step, epoch_ended=lambda row: epochs.end(steps if row else 0))
    Fitter(network, plan, listener).run()
    return epochs.seconds


def end_to_end_timer(setting: Setting, ready_rgb: npt.NDArray[np.uint8], *, jit_compile: bool) -> Callable[[], float]:
    """Gives seconds a step of ``fit`` from pixels, whose frozen blocks run again in each."""
    classifier = setting.network().classifier
    compile_tail(classifier, setting.phase, steps_per_epoch=END_TO_END_STEPS, jit_compile=jit_compile)
    targets = setting.targets[: len(ready_rgb)]

    def time_step() -> float:
        started_s = time.perf_counter()
        classifier.fit(ready_rgb, targets, batch_size=setting.phase.batch_size, epochs=1, shuffle=False, verbose=0)
        return (time.perf_counter() - started_s) / END_TO_END_STEPS

    return time_step


def bare_timer(setting: Setting, features: npt.NDArray[np.float32], steps: int) -> Callable[[], float]:
    """Gives seconds of the tail's arithmetic alone: nothing is read, counted, averaged or told."""
    tf = import_tensorflow()
    tail = setting.network().tail
    compile_tail(tail, setting.phase, steps_per_epoch=steps)
    batch, targets = tf.constant(features), tf.constant(setting.targets[: len(features)])
    loss_of = import_keras().losses.CategoricalCrossentropy(label_smoothing=setting.phase.label_smoothing)

    @tf.function  # type: ignore[untyped-decorator] # TensorFlow is untyped
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(targets, tail(batch, training=True))
        variables = tail.trainable_variables
        tail.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def time_step() -> float:
        started_s = time.perf_counter()
        for _ in range(steps):
            np.asarray(step())
        return (time.perf_counter() - started_s) / steps

    return time_step


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Middle, ends, and each round's value."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "by_round": [round(value, 4) for value in values],
    }


if __name__ == "__main__":
    main()
