"""What a preset reaches on labelled photos, over several seeds, and how long that takes in bare forward passes.

A pass is the whole training set through VGG16 once, from ready arrays, in TensorFlow's own compiled function; its cost
is measured just before and just after each training, in float32 and in the precision that the training computes in:

    python benchmarks/recipes.py ../shared/data/cats_dogs --preset default --seeds 0 1 2 --output FILE
    python benchmarks/recipes.py ../shared/data/cats_dogs --preset default --seeds 0 1 2 --test --output FILE

Each training computes its features anew, in a cache of its own. ``--test`` scores the photos under ``test/``, too: once
for a result, never to choose by. Prints one JSON object; ``--output FILE`` writes it after each seed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.core.backbone import build_trunk
from tlx.core.evaluation.evaluate import EvaluateOptions, evaluate_model
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.runs import Run
from tlx.core.training.devices import choose_compute
from tlx.core.training.train import Listener, TrainOptions, train
from tlx.core.weights.cache import cache_path
from tlx.core.weights.chain import load_weights
from tlx.export.frameworks import import_keras
from tlx.images import PHOTO_SUFFIXES, load
from tlx.runtime import environment

BATCH: Final = 16
PASS_PHOTOS: Final = 256


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with train/, validation/ and perhaps test/")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--test", action="store_true", help="score the photos under test/, too")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    recipe = find_preset(arguments.preset)
    images = _some_images(arguments.data / "train", recipe.size_hw)
    rows: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        rows.append(measure(arguments.data, images, TrainOptions(recipe, seed=seed, runs_root=arguments.runs)))
        if arguments.test:
            rows[-1]["test_accuracy"] = _test_accuracy(rows[-1]["run"], arguments.data, arguments.runs)
        result = _summary(recipe, rows)
        if arguments.output:
            atomic.write_json(arguments.output, result)
    print(json.dumps(result, indent=2))


def measure(data: Path, images: npt.NDArray[np.uint8], options: TrainOptions) -> dict[str, Any]:
    """Train once; time it against passes before and after."""
    dtype = choose_compute(options.recipe.precision).dtype
    dtypes = sorted({"float32", dtype})
    before = {name: pass_ms_per_photo(images, options.recipe, name) for name in dtypes}
    with tempfile.TemporaryDirectory(prefix="tlx-recipes-") as cache:
        run, seconds = _train_with_cache(data, options, Path(cache))
    after = {name: pass_ms_per_photo(images, options.recipe, name) for name in dtypes}
    photos = sum(run.record.data.counts["train"].values())
    pass_s = {name: (before[name] + after[name]) / 2 * photos / 1e3 for name in dtypes}
    result = run.record.result
    return {
        "run": run.record.name,
        "seed": options.seed,
        "validation_accuracy": result.validation_accuracy,
        "validation_loss": result.validation_loss,
        "kept_epoch": result.kept_epoch,
        "minutes": seconds / 60,
        "seconds_by_stage": result.seconds,
        "computed_in": dtype,
        "pass_ms_per_photo": {"before": before, "after": after},
        "forward_passes": {name: seconds / pass_s[name] for name in dtypes},
    }


def pass_ms_per_photo(images: npt.NDArray[np.uint8], recipe: Recipe, dtype: str) -> float:
    """Milliseconds for a photo of a bare forward pass through the thirteen convolutions.

    Args:
        images: ``uint8 [N, H, W, 3]``.
        recipe: For its size and preprocessing.
        dtype: Keras's dtype policy.
    """
    keras = import_keras()
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        trunk = build_trunk(load_weights("imagenet"), recipe.size_hw, recipe.preprocessing)
    finally:
        keras.config.set_dtype_policy(kept)
    trunk.predict_on_batch(images[:BATCH])
    started_s = time.perf_counter()
    for start in range(0, len(images), BATCH):
        trunk.predict_on_batch(images[start : start + BATCH])
    return (time.perf_counter() - started_s) / len(images) * 1e3


def _train_with_cache(data: Path, options: TrainOptions, cache: Path) -> tuple[Run, float]:
    load_weights("imagenet")  # their download is no part of a training
    (cache / cache_path().name).symlink_to(cache_path())
    kept = os.environ.get("TLX_CACHE")
    os.environ["TLX_CACHE"] = str(cache)
    try:
        started_s = time.perf_counter()
        run = train(data, options, Listener())
        return run, time.perf_counter() - started_s
    finally:
        os.environ.pop("TLX_CACHE")
        if kept:
            os.environ["TLX_CACHE"] = kept


def _test_accuracy(run: str, data: Path, runs: Path) -> float:
    evaluation = evaluate_model(run, EvaluateOptions(data=data, split="test", runs_root=runs))
    return float(evaluation.metrics.accuracy)


def _some_images(folder: Path, size_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    return np.stack([load(path, size_hw) for path in paths[:: max(1, len(paths) // PASS_PHOTOS)][:PASS_PHOTOS]])


def _summary(recipe: Recipe, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in ("validation_accuracy", "test_accuracy", "minutes") if name in rows[0]]
    means = {name: statistics.fmean(row[name] for row in rows) for name in names}
    passes = {
        dtype: statistics.fmean(row["forward_passes"][dtype] for row in rows) for dtype in rows[0]["forward_passes"]
    }
    return {
        "benchmark": "recipes",
        "preset": recipe.name,
        "recipe": recipe.to_dict(),
        "mean": {**means, "forward_passes": passes},
        "trainings": list(rows),
        "environment": environment.describe(),
    }


if __name__ == "__main__":
    main()
