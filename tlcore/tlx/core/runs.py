"""Run folders: what a training leaves behind, and how it's found again.

``run.json`` is written last: a folder without it is an unfinished run (:mod:`tlx.core.run_folder`), so that no reader
ever takes half a run for a whole one.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tlx import atomic
from tlx.contract import CalibrationRecord
from tlx.core.photos import Dataset, Photo, Split
from tlx.core.recipes.recipe import Recipe
from tlx.errors import RunError

RUNS_FOLDER = Path("runs")
LATEST = "latest"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class DataRecord(_Document):
    """What was trained on; ``sha256`` is :attr:`tlx.core.photos.Dataset.sha256`."""

    root: str
    labels: list[str]
    counts: dict[str, dict[str, int]]
    sha256: str
    problems: list[str]


class WeightsRecord(_Document):
    """Where the convolutions came from."""

    name: str
    is_imagenet: bool
    sha256: str


class ResultRecord(_Document):
    """How the kept weights did, on the validation photos.

    Attributes:
        seconds: Of each stage.
        energy_j: Joules of each stage, those of the whole machine; empty where it doesn't tell.
    """

    epochs: int
    kept_epoch: int
    validation_accuracy: float = Field(ge=0, le=1)
    validation_loss: float
    training_accuracy: float = Field(ge=0, le=1)
    seconds: dict[str, float]
    energy_j: dict[str, float] = {}


class LayerRecord(_Document):
    """One layer of the network; shapes without the batch axis."""

    name: str
    kind: str
    output_shape: list[int]
    parameters: int
    trainable: bool


class LayerWidthRecord(_Document):
    """What compression left of one convolution.

    Attributes:
        channels: Outputs that are left, of how many; 0 if the layer was merged into the next.
        flops: Multiplications and additions for one picture, now and before.
        error: The share of the variance of what the next layer gives that these channels can't give any more, before
            anything was learned.
        milliseconds: What the layer is expected to take; of a layer of the original that has no time of its own, None.
    """

    name: str
    channels: tuple[int, int]
    flops: tuple[int, int]
    error: float
    milliseconds: float | None = None


class PointRecord(_Document):
    """A smaller network that compression looked at.

    Attributes:
        name: For people, as in ``112 px, 16-32-32``.
        size_hw: Of its input.
        channels: Outputs of each convolution.
        merged: Whether its first block is one convolution.
        latency_ms: Measured on this device, one picture.
        speedup: The original's time at fp32 in the same rounds, divided by it.
        pruned_accuracy: Before learning, on the photos for choices: half of the validation photos, or all of them
            where nothing is chosen.
        accuracy: The same after learning; None if it wasn't taught.
        drop_points: What it lost against the original on the same photos, in points.
        kept: Whether this is the one that the run holds.
        refused_drop_points: What it lost on the photos of the verdict, if they refused it: more than was allowed.
    """

    name: str
    size_hw: tuple[int, int]
    channels: list[int]
    merged: bool
    flops: int
    latency_ms: float
    speedup: float
    pruned_accuracy: float
    accuracy: float | None
    drop_points: float | None
    kept: bool
    refused_drop_points: float | None = None


class CompressionRecord(_Document):
    """How a run was made smaller.

    Attributes:
        original: The run's name that it came from.
        precision: In which the latencies were measured: that in which it's meant to be exported.
        original_ms: The original's latency at fp32 in the rounds of the kept network.
        original_accuracy: On the validation photos.
        reference_accuracy: Of the original on the photos that the points were judged on, as they are.
        lost: Validation photos that the original alone gets right; ``gained`` the other way round.
        upper_drop_points: What the drop is at most, with 95 % confidence (the statistic of export's accuracy gate) for
            all ``candidates`` at once, among which the photos might have chosen.
        latency_range_ms: The shortest and the longest of the interleaved rounds whose median ``latency_ms`` is.
        speedup_range: The lowest and the highest round by round.
        bounds: What was asked for: ``speedup``, ``latency_ms``, ``max_drop``.
        minutes: That the kept network learned for.
        seed: Of the looks and of the order of learning.
        size_hw: Of its input; ``original_size_hw`` of the original's.
        passes: Over the training photos, that the kept network learned in.
        balanced: Whether each class counted the same in it, as in the original's training.
        what_next: What a person may try next, a line each.
    """

    original: str
    precision: Literal["fp32", "int8"]
    threads: int
    processor: str
    original_ms: float
    latency_ms: float
    speedup: float
    original_accuracy: float
    lost: int
    gained: int
    drop_points: float
    upper_drop_points: float
    bounds: dict[str, float]
    minutes: float
    flops: tuple[int, int]
    parameters: tuple[int, int]
    layers: list[LayerWidthRecord]
    points: list[PointRecord]
    what_next: list[str] = []
    latency_range_ms: tuple[float, float] | None = None
    speedup_range: tuple[float, float] | None = None
    reference_accuracy: float | None = None
    seed: int | None = None
    size_hw: tuple[int, int] | None = None
    original_size_hw: tuple[int, int] | None = None
    passes: float | None = None
    balanced: bool = False
    candidates: int = 1


class RunRecord(_Document):
    """The document ``run.json``.

    Attributes:
        trainable_tensors: Weight tensors that training changed, and of how many in all.
        calibration: Fitted on the validation photos; None where no temperature fits them.
        compression: Of a run that ``tlx compress`` made.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str
    created_utc: str
    seed: int
    recipe: dict[str, Any]
    started_from: str | None
    data: DataRecord
    weights: WeightsRecord
    result: ResultRecord
    layers: list[LayerRecord]
    trainable_tensors: tuple[int, int]
    environment: dict[str, Any]
    calibration: CalibrationRecord | None = None
    compression: CompressionRecord | None = None


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what it says of itself."""

    folder: Path
    record: RunRecord

    @property
    def model_path(self) -> Path:
        """The whole Keras model, from RGB pixels to probabilities."""
        return self.folder / "model.keras"

    @property
    def labels(self) -> list[str]:
        """Class names in the order of the output."""
        return self.record.data.labels

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe it was trained by."""
        return Recipe.from_dict(self.record.recipe)

    def photos(self, split: Split) -> list[Photo]:
        """The photos of one split, as they lay when the run was made (they may have moved since).

        Raises:
            RunError: If the run's list of them is missing or damaged.
        """
        root = Path(self.record.data.root)
        listed = self.folder / "photos.json"
        try:
            return [
                Photo(root / row["path"], row["label"], row["sha256"], row["split"])
                for row in json.loads(listed.read_bytes())
                if row["split"] == split
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            raise RunError(f"{listed}: the run's list of photos can't be read ({reason}): name another run") from error


def open_run(name: str | Path = LATEST, root: Path = RUNS_FOLDER) -> Run:
    """Find a finished run.

    Args:
        name: A run's folder, its name under ``root``, or ``latest``.
        root: The folder that holds the runs.

    Raises:
        RunError: If there is none or it can't be read.
    """
    if str(name) == LATEST:
        runs = finished_runs(root)
        if not runs:
            raise RunError(f"no finished run in {root}/: run 'tlx train DATA' first, or name the folder of a run")
        return runs[-1]
    for folder in (Path(name), root / name):
        if (folder / "run.json").is_file():
            return _read(folder)
        if (folder / "training.json").is_file():
            raise RunError(f"{folder}: the run isn't finished: go on with 'tlx train --resume {folder}'")
    if Path(name).is_file():
        raise RunError(f"{name}: is a file, expected a run: its folder, or its name in {root}/ ('tlx runs' lists them)")
    raise RunError(f"{name}: no such run (neither a run folder nor a name in {root}/; 'tlx runs' lists them)")


def finished_runs(root: Path = RUNS_FOLDER) -> list[Run]:
    """All finished runs under ``root``, the oldest first; damaged ones are left out."""
    runs = []
    for document in root.glob("*/run.json"):
        if not document.parent.name.startswith("."):
            with contextlib.suppress(RunError):
                runs.append(_read(document.parent))
    return sorted(runs, key=lambda run: (run.record.created_utc, run.record.name))


def _read(folder: Path) -> Run:
    try:
        record = RunRecord.model_validate_json((folder / "run.json").read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise RunError(f"{folder}: run.json can't be read ({reason}): train again, or name another run") from error
    if not (folder / "model.keras").is_file():
        raise RunError(f"{folder}: the run has no model.keras: train again, or name another run")
    return Run(folder, record)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write ``run.json``."""
    atomic.write_json(folder / "run.json", record.model_dump(mode="json", by_alias=True))


def write_photos(folder: Path, dataset: Dataset) -> None:
    """Write ``photos.json``: each photo's path below the data's root, label, hash and split."""
    rows = [
        {
            "path": str(photo.path.relative_to(dataset.root)),
            "label": photo.label,
            "sha256": photo.sha256,
            "split": photo.split,
        }
        for photo in dataset.photos
    ]
    atomic.write_json(folder / "photos.json", rows)


def write_history(folder: Path, history: Sequence[dict[str, float]]) -> None:
    """Write ``history.json``: one object an epoch."""
    atomic.write_json(folder / "history.json", list(history))
