"""Where a training starts: pretrained weights, or an earlier run and what that one has learned from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tlx.core.backbone import read_trunk_weights
from tlx.core.photos import SPLITS, Dataset, Split
from tlx.core.recipes.recipe import Recipe
from tlx.core.run_folder import Start, compressed_words, splits_before
from tlx.core.runs import Run
from tlx.core.training.network import head_weights
from tlx.core.weights.chain import load_weights
from tlx.errors import DataError, InputError
from tlx.export.keras_model import load_keras_model
from tlx.progress import Progress


def start_from_weights(choice: str, notify: Callable[[str], None], progress: Progress) -> Start:
    """Pretrained convolutions under a new head; see :func:`tlx.core.weights.chain.load_weights`."""
    weights = load_weights(choice, progress=progress)
    for line in weights.notes:
        notify(line)
    return Start(weights, {})


def start_from(run: Run) -> Start:
    """The convolutions and the head of an earlier run.

    Raises:
        ModelFileError: If its model can't be loaded.
    """
    model = load_keras_model(run.model_path)
    weights = read_trunk_weights(model, run.recipe.preprocessing, run.record.weights.name)
    if weights.sha256 != run.record.weights.sha256:
        weights = replace(weights, name=f"fine-tuned in {run.record.name}")
    return Start(weights, head_weights(model))


def recorded_splits(run: Run | None) -> dict[str, Split]:
    """In which split an earlier run, and those that it started from, had each photo.

    So none that the network has ever learned from is used to judge it.
    """
    if run is None:
        return {}
    before = splits_before(run.folder)
    learned: dict[str, Split] = {sha256: split for sha256, split in before.items() if split == "train"}
    return before | {photo.sha256: photo.split for split in SPLITS for photo in run.photos(split)} | learned


def tell_of_learned_ones(dataset: Dataset, run: Run, notify: Callable[[str], None]) -> None:
    """Where folders give the split, the network may have learned from what is to judge it."""
    recorded = recorded_splits(run)
    validation = dataset.split("validation")
    again = sum(recorded.get(photo.sha256) == "train" for photo in validation)
    if again:
        notify(
            f"{again} of the {len(validation)} validation photos are ones that {run.record.name} was trained on, "
            "or a run before it: the validation figures flatter the model"
        )


def require_whole_network(run: Run) -> None:
    """Refuse to go on from a run that compression made: its convolutions have other shapes than VGG16's.

    Raises:
        InputError: With what to do.
    """
    if run.record.compression:
        raise InputError(f"{run.record.name} {compressed_words(run.record.compression.original)}")


def require_same_labels(dataset: Dataset, run: Run) -> None:
    """Refuse photos of other classes than an earlier run's.

    Raises:
        DataError: With both lists.
    """
    if list(dataset.labels) != run.labels:
        raise DataError(
            f"{dataset.root}: --from {run.record.name} knows the classes {', '.join(run.labels)}, "
            f"these photos are of {', '.join(dataset.labels)}: train without --from"
        )


def require_same_head(recipe: Recipe, run: Run) -> None:
    """Refuse a recipe whose head can't take the weights of an earlier run's.

    Raises:
        InputError: With what has to be the same.
    """
    # Dropout has no weights.
    heads = [replace(head, dropout=0.0) for head in (recipe.head, run.recipe.head)]
    if heads[0] != heads[1]:
        raise InputError(f"--from {run.record.name}: [head] must be as it was there: change it back, or train anew")
    if recipe.head.pooling == "flatten" and recipe.size_hw != run.recipe.size_hw:
        raise InputError(
            f"--from {run.record.name}: its head is flattened, so size_hw must be {list(run.recipe.size_hw)} as it was "
            f"there, got {list(recipe.size_hw)}"
        )
