"""Networks of VGG16's shape with few channels, and runs of them: VGG16's own widths would take minutes a test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest

from tlx import images
from tlx.core.compress import compress, layer_costs, trials
from tlx.core.compress.maps import advance, head_matrix, normalized, pooled
from tlx.core.compress.plain import PlainNetwork, build_model, read_network
from tlx.core.photos.loading import load_dataset
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.runs import DataRecord, Run, open_run, write_photos, write_record
from tlx.core.training.network import build_network
from tlx.core.weights.chain import load_weights


def classifier(preset: str) -> Any:
    """VGG16's widths, random weights, 32 pixels."""
    return _classifier(find_preset(preset).changed(size=32))


def _classifier(recipe: Recipe) -> Any:
    return build_network(load_weights("none"), recipe, 2).classifier


FEW: Final = (8, 8, 8, 8, 16, 16, 16, 32, 32, 32, 32, 32, 32)
"""A sixteenth of VGG16's channels."""
ENOUGH: Final = (32, 32, *[64] * 11)
"""So many that fewer of them are faster, by a measurement."""


def narrow(model: Any, widths: Sequence[int] = FEW) -> PlainNetwork:
    """The same network with so many channels and other random weights."""
    network = read_network(model)
    random = np.random.default_rng(0)
    layers, inputs = [], 3
    for layer, outputs in zip(network.convolutions, widths, strict=True):
        matrix = random.normal(0, 0.4 / np.sqrt(inputs), (inputs * 9, outputs))
        layers.append(layer.with_matrix(matrix, random.normal(0, 0.1, outputs)))
        inputs = outputs
    first = network.dense[0]
    first = replace(first, kernel=first.kernel[: network.features_a_channel * inputs])
    return replace(network, convolutions=tuple(layers), dense=(first, *network.dense[1:]))


def fitted(network: PlainNetwork, images_rgb: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]) -> PlainNetwork:
    """The same with a last layer that tells two classes apart, by least squares."""
    maps = normalized(network, images_rgb)
    for layer in network.convolutions:
        maps = advance(layer, maps)
    hidden = np.maximum(pooled(network, maps) @ head_matrix(network) + network.dense[0].bias, 0)
    outputs = network.dense[-1].kernel.shape[1]
    wanted = np.where(classes[:, None] == (np.arange(2) if outputs > 1 else np.array([1])), 3.0, -3.0)
    taken = np.column_stack([hidden, np.ones(len(hidden))])
    ridge = 1e-3 * np.trace(taken.T @ taken) / len(taken.T) * np.eye(taken.shape[1])
    solution = np.linalg.solve(taken.T @ taken + ridge, taken.T @ wanted).astype(np.float32)
    last = replace(network.dense[-1], kernel=solution[:-1], bias=solution[-1])
    return replace(network, dense=(*network.dense[:-1], last))


def write_narrow_run(  # noqa: PLR0913 - the last three have defaults
    folder: Path,
    like: Run,
    photos: Path,
    *,
    preset: str = "features",
    size: int = 32,
    widths: Sequence[int] = ENOUGH,
) -> Run:
    """A finished run of a narrow network that tells two colours apart.

    Args:
        folder: The run's own; made.
        like: A run for what the record tells beside that.
        photos: With ``train/`` and ``validation/``.
        preset: Gives the head, the cut and the augmentation.
        size: Of the input in pixels.
        widths: Of its convolutions.
    """
    folder.mkdir(parents=True)
    dataset = load_dataset(photos)
    recipe = replace(find_preset(preset), preprocessing="rescale").changed(size=size)
    training = [photo for photo in dataset.photos if photo.split == "train"]
    pixels = np.stack([images.load(photo.path, (size, size), recipe.resize) for photo in training])
    classes = np.array([dataset.labels.index(photo.label) for photo in training])
    model = build_model(fitted(narrow(_classifier(recipe), widths), pixels, classes))
    model.save(folder / "model.keras")
    write_photos(folder, dataset)
    data = DataRecord(
        root=str(dataset.root),
        labels=list(dataset.labels),
        counts={split: dict(by_label) for split, by_label in dataset.counts.items()},
        sha256=dataset.sha256,
        problems=[],
    )
    digest = hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()
    changes = {
        "name": folder.name,
        "recipe": recipe.to_dict(),
        "data": data,
        "weights": like.record.weights.model_copy(update={"sha256": digest}),
        "calibration": None,
    }
    write_record(folder, like.record.model_copy(update=changes))
    return open_run(folder)


def with_precision(run: Run, precision: str) -> Run:
    """The run as if its recipe said ``precision``: float32, mixed or auto."""
    recipe = run.record.recipe | {"precision": precision}
    return Run(run.folder, run.record.model_copy(update={"recipe": recipe}))


class Told(list[tuple[str, int, int]]):
    """A progress that keeps what it's told: stage, done, total."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Keep it."""
        del note
        self.append((stage, done, total))

    @property
    def stages(self) -> set[str]:
        """The names of the stages."""
        return {stage for stage, _, _ in self}


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short timings and few looks: what is measured is real, and less sure."""
    monkeypatch.setattr(trials, "_TURN_S", 0.02)
    monkeypatch.setattr(layer_costs, "_ROUNDS", 1)
    monkeypatch.setattr(layer_costs, "_MIXED", 4)
    monkeypatch.setattr(compress, "ROWS", 2000)


def mixed_up(network: PlainNetwork) -> PlainNetwork:
    """The same with its two labels in the other order: all that was right is wrong."""
    *hidden, last = network.dense
    swapped = replace(last, kernel=last.kernel[:, ::-1].copy(), bias=last.bias[::-1].copy())
    return replace(network, dense=(*hidden, swapped))
