"""What lies in a folder of runs: finished ones with their figures, unfinished ones, damaged ones."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.core.runs import LATEST, CompressionRecord, Run, open_run
from tlx.errors import RunError

STARTED: Final = "training.json"
"""A training writes it when it begins; ``run.json`` follows when it's finished."""
_FINISHED: Final = "run.json"
_LEFT_BY_A_RUN: Final = (STARTED, _FINISHED, "model.keras", "photos.json", "history.json")


@dataclass(frozen=True, slots=True)
class Smaller:
    """What compression made of a run; see :class:`tlx.core.runs.CompressionRecord`."""

    original: str
    precision: str
    latency_ms: float
    speedup: float
    drop_points: float
    upper_drop_points: float

    @staticmethod
    def of(record: CompressionRecord) -> Smaller:
        """These fields of a record."""
        return Smaller(
            original=record.original,
            precision=record.precision,
            latency_ms=record.latency_ms,
            speedup=record.speedup,
            drop_points=record.drop_points,
            upper_drop_points=record.upper_drop_points,
        )


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The figures of a finished run.

    Attributes:
        name: Its folder's.
        created_utc: ISO 8601.
        validation_accuracy: Of the weights that were kept, 0 to 1.
        best_validation_accuracy: The highest of any epoch, kept or not.
        validation_photos: How many that was measured on.
        kept_epoch: From 1.
        seconds: By stage.
        compression: Of a run that ``tlx compress`` made.
    """

    folder: Path
    name: str
    created_utc: str
    preset: str
    validation_accuracy: float
    best_validation_accuracy: float
    validation_loss: float
    training_accuracy: float
    validation_photos: int
    epochs: int
    kept_epoch: int
    seconds: dict[str, float]
    classes: int
    seed: int
    compression: Smaller | None = None

    @property
    def minutes(self) -> float:
        """Of all stages."""
        return sum(self.seconds.values()) / 60


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A run's folder that can't be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The runs below a folder; hidden folders and those of something else are no runs.

    Attributes:
        finished: The oldest first; the last one is what ``latest`` means.
        unfinished: Names of runs that were interrupted or are still in training.
    """

    root: Path
    finished: tuple[RunSummary, ...]
    unfinished: tuple[str, ...]
    damaged: tuple[DamagedRun, ...]


def survey_runs(root: Path) -> Survey:
    """Look through a folder of runs; one that doesn't exist holds none.

    Raises:
        RunError: If it can't be listed.
    """
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except FileNotFoundError:
        folders = []
    except OSError as error:
        raise RunError(f"{root}: expected a folder of runs, can't list it ({error.strerror or error})") from error
    finished, unfinished, damaged = [], [], []
    for folder in folders:
        if not any((folder / name).exists() for name in _LEFT_BY_A_RUN):
            continue
        if _is_unfinished(folder):
            unfinished.append(folder.name)
            continue
        try:
            finished.append(summarize(open_run(folder)))
        except RunError as error:
            damaged.append(DamagedRun(folder.name, _reason(folder, error)))
    finished.sort(key=lambda summary: (summary.created_utc, summary.name))
    return Survey(root, tuple(finished), tuple(unfinished), tuple(damaged))


def summarize(run: Run) -> RunSummary:
    """The figures of a finished run."""
    record = run.record
    result = record.result
    return RunSummary(
        folder=run.folder,
        name=run.folder.name,
        created_utc=record.created_utc,
        preset=str(record.recipe.get("name", "")),
        validation_accuracy=result.validation_accuracy,
        best_validation_accuracy=max(result.validation_accuracy, *_accuracies_by_epoch(run.folder), 0.0),
        validation_loss=result.validation_loss,
        training_accuracy=result.training_accuracy,
        validation_photos=sum(record.data.counts.get("validation", {}).values()),
        epochs=result.epochs,
        kept_epoch=result.kept_epoch,
        seconds=dict(result.seconds),
        classes=len(record.data.labels),
        seed=record.seed,
        compression=Smaller.of(record.compression) if record.compression else None,
    )


def open_finished(name: str, root: Path) -> Run:
    """Open a run by its folder, its name below ``root``, or ``latest``.

    Raises:
        RunError: If there is none, it can't be read, or its training isn't finished.
    """
    if name != LATEST:
        for folder in (Path(name), root / name):
            if _is_unfinished(folder):
                raise RunError(f"{name}: its training isn't finished: '{resume_command(folder.name, root)}' goes on")
    return open_run(name, root)


def resume_command(name: str, root: Path) -> str:
    """What to type for an unfinished run to go on."""
    return f"tlx train --resume {shlex.quote(name)}{runs_option(root)}"


def runs_option(root: Path) -> str:
    """The option that names this folder of runs, where it isn't the usual one."""
    return "" if root == Path("runs") else f" --runs {shlex.quote(str(root))}"


def _is_unfinished(folder: Path) -> bool:
    return (folder / STARTED).is_file() and not (folder / _FINISHED).exists()


def _reason(folder: Path, error: RunError) -> str:
    if not (folder / _FINISHED).is_file():
        return f"it has no {_FINISHED}"
    return str(error).removeprefix(f"{folder}: ")


def _accuracies_by_epoch(folder: Path) -> list[float]:
    """Validation accuracies as ``history.json`` tells them; none if it can't be read."""
    try:
        history = json.loads((folder / "history.json").read_bytes())
        found = [float(epoch["val_accuracy"]) for epoch in history if "val_accuracy" in epoch]
    except (OSError, ValueError, TypeError):
        return []
    return [accuracy for accuracy in found if math.isfinite(accuracy)]
