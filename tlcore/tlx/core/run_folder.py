"""The folder of a run while it's being made: begun, interrupted, resumed, finished.

``training.json`` says what is trained and how; ``resume/`` holds what a later process needs to go on: the weights at
the start and the last checkpoint. ``run.json`` comes last: a folder without it is an unfinished run to every reader.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tlx import atomic
from tlx.core.photos import Split
from tlx.core.runs import open_run
from tlx.core.weights.chain import PretrainedWeights
from tlx.core.weights.layers import LayerWeights
from tlx.errors import OutputError, RunError

_PARTIAL: Final = ".partial-"
_STALE_S: Final = 24 * 3600.0
_PLAN: Final = "training.json"


class TrainingPlan(BaseModel):
    """The document ``training.json``: all that decides what a run becomes.

    Attributes:
        data: The folder of photos, resolved.
        data_sha256: See :attr:`tlx.core.photos.Dataset.sha256`.
        recorded_splits: In which split the runs that this one goes back to had each photo (by content).
        balance: Whether classes count the same in the loss, however many photos they have.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: str
    created_utc: str
    data: str
    data_sha256: str
    labels: list[str]
    recipe: dict[str, Any]
    seed: int
    weights: str
    weights_is_imagenet: bool
    weights_sha256: str
    started_from: str | None
    strict: bool
    balance: bool
    recorded_splits: dict[str, Split] = {}


@dataclass(frozen=True)
class RunFolder:
    """An unfinished run, held by this process."""

    folder: Path
    plan: TrainingPlan

    @property
    def checkpoint(self) -> Path:
        """The last state of the training; may not be there yet."""
        return self.folder / "resume" / "checkpoint.npz"

    @property
    def start(self) -> Path:
        """The weights that the training starts from."""
        return self.folder / "resume" / "start.npz"

    @property
    def last_good(self) -> Path:
        """The model before the loss stopped being a number, where that has happened."""
        return self.folder / "last-good.keras"

    @property
    def runaway(self) -> Path:
        """Says where the loss stopped being a number, where that has happened."""
        return self.folder / "resume" / "runaway.json"

    @property
    def is_finished(self) -> bool:
        """Whether it has its record."""
        return (self.folder / "run.json").exists()

    def finish(self) -> None:
        """Remove what only an unfinished run needs."""
        self.last_good.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "resume", ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a training begins.

    Attributes:
        weights: The convolutions.
        head: Those of an earlier run's head by layer; empty for a new one.
    """

    weights: PretrainedWeights
    head: dict[str, list[Any]]


@contextlib.contextmanager
def begin_run(root: Path, preset: str, start: Start, plan: dict[str, Any]) -> Iterator[RunFolder]:
    """Make and hold a new run; on an error before its first checkpoint it's removed again.

    Args:
        root: Holds the runs.
        preset: Becomes a part of its name.
        start: Kept in it, so that it can be resumed whatever becomes of the files these weights came from.
        plan: The fields of :class:`TrainingPlan` without name and time.

    Raises:
        OutputError: If it can't be written.
    """
    atomic.make_folder(root)
    _sweep(root)
    moment = datetime.now(UTC)
    with _reserved(root, f"{moment.strftime('%Y-%m-%dT%H-%M-%S')}-{preset}") as (name, partial):
        document = TrainingPlan(name=name, created_utc=moment.isoformat(timespec="seconds"), **plan)
        (partial / "resume").mkdir()
        run = RunFolder(root / name, document)
        _write_start(partial / "resume" / run.start.name, start)
        atomic.write_json(partial / _PLAN, document.model_dump(mode="json", by_alias=True))
        partial.rename(run.folder)
        atomic.fsync_folder(root)
    with _held(run.folder):
        try:
            yield run
        except BaseException:
            if not run.checkpoint.exists() and not run.is_finished:
                shutil.rmtree(run.folder, ignore_errors=True)
            raise


@dataclass(frozen=True, slots=True)
class WholeRun:
    """A run that becomes visible when it is whole.

    Attributes:
        folder: Under its final name; not there yet.
        hidden: Where its files are written until then.
    """

    name: str
    created_utc: str
    folder: Path
    hidden: Path


@contextlib.contextmanager
def whole_run(root: Path, kind: str) -> Iterator[WholeRun]:
    """Make a run whose files are written all at once; on an error nothing is left of it.

    Args:
        root: Holds the runs.
        kind: Becomes a part of its name.

    Raises:
        OutputError: If it can't be written.
    """
    atomic.make_folder(root)
    _sweep(root)
    moment = datetime.now(UTC)
    with _reserved(root, f"{moment.strftime('%Y-%m-%dT%H-%M-%S')}-{kind}") as (name, partial):
        yield WholeRun(name, moment.isoformat(timespec="seconds"), root / name, partial)
        atomic.fsync_folder(partial)
        partial.rename(root / name)
        atomic.fsync_folder(root)


@contextlib.contextmanager
def resume_run(folder: Path) -> Iterator[RunFolder]:
    """Hold an unfinished run to go on with it.

    Raises:
        RunError: If it's finished, damaged, or another process trains it.
    """
    run = read_unfinished(folder)
    with _held(run.folder):
        for leftover in (*run.folder.glob(".*.tmp.*"), *(run.folder / "resume").glob(".*")):
            leftover.unlink(missing_ok=True)
        yield run


def read_unfinished(folder: Path) -> RunFolder:
    """Read what an unfinished run was to become.

    Raises:
        RunError: If there is none in the folder.
    """
    if (folder / "run.json").exists():
        raise RunError(_finished_words(folder))
    try:
        plan = TrainingPlan.model_validate_json((folder / _PLAN).read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.errors(include_url=False)[0]["msg"]
        raise RunError(f"{folder}: not an unfinished run ({_PLAN}: {reason})") from error
    return RunFolder(folder, plan)


def _finished_words(folder: Path) -> str:
    """Why there is nothing to resume, and what to do."""
    with contextlib.suppress(RunError):  # a damaged record tells of no compression
        if compression := open_run(folder).record.compression:
            return f"{folder} {compressed_words(compression.original)}"
    return f"{folder}: the run is finished: start another from it with --from {folder.name}"


def compressed_words(original: str) -> str:
    """Why a run that compression made can't be trained on, and what to do; its name goes before it."""
    return (
        f"is {original} made smaller and not VGG16's shape any more, so it can't be trained on: "
        "train the original, then compress again"
    )


def unfinished_runs(root: Path) -> list[RunFolder]:
    """All unfinished runs under ``root``, the oldest first; damaged ones are left out."""
    runs = []
    for document in root.glob(f"*/{_PLAN}"):
        if not document.parent.name.startswith("."):
            with contextlib.suppress(RunError):
                runs.append(read_unfinished(document.parent))
    return sorted(runs, key=lambda run: (run.plan.created_utc, run.plan.name))


def splits_before(folder: Path) -> dict[str, Split]:
    """The ``recorded_splits`` of a run, finished or not; empty if it has no plan that can be read."""
    plan = _plan_of(folder)
    return plan.recorded_splits if plan else {}


def balances_classes(folder: Path) -> bool:
    """Whether classes count the same in a run's loss, finished or not; False if it has no plan that can be read."""
    plan = _plan_of(folder)
    return plan is not None and plan.balance


def _plan_of(folder: Path) -> TrainingPlan | None:
    try:
        return TrainingPlan.model_validate_json((folder / _PLAN).read_bytes())
    except (OSError, ValidationError):
        return None


def is_held(folder: Path) -> bool:
    """Whether a process is training this run."""
    try:
        with _held(folder):
            return False
    except RunError:
        return True


def read_start(run: RunFolder) -> Start:
    """Read the weights that :func:`begin_run` kept.

    Raises:
        RunError: If they are damaged.
    """
    try:
        with run.start.open("rb") as content, np.load(content, allow_pickle=False) as file:
            layers = {
                name: LayerWeights(kernel=file[f"{name}/kernel"], bias=file[f"{name}/bias"])
                for name in json.loads(str(file["layers"]))
            }
            head: dict[str, list[Any]] = {}
            for key in sorted(key for key in file.files if key.startswith("head/")):
                head.setdefault(key.split("/")[1], []).append(file[key])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise RunError(f"{run.start}: can't be read ({error}): train again") from error
    weights = PretrainedWeights.from_layers(run.plan.weights, layers)
    if weights.sha256 != run.plan.weights_sha256:
        raise RunError(f"{run.start}: these are not the weights that the run started with: train again")
    return Start(weights, head)


def _write_start(path: Path, start: Start) -> None:
    arrays: dict[str, Any] = {}
    for name, layer in start.weights.layers.items():
        arrays |= {f"{name}/kernel": layer.kernel, f"{name}/bias": layer.bias}
    for name, values in start.head.items():
        arrays |= {f"head/{name}/{place}": value for place, value in enumerate(values)}
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, layers=np.array(json.dumps(list(start.weights.layers))), **arrays)


@contextlib.contextmanager
def _reserved(root: Path, stem: str) -> Iterator[tuple[str, Path]]:
    """A free name and a hidden folder to become its own; the folder is removed if it didn't."""
    name, partial = _reserve(root, stem)
    try:
        yield name, partial
    except OSError as error:
        raise OutputError(f"{root / name}: the run can't be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _reserve(root: Path, stem: str) -> tuple[str, Path]:
    for attempt in range(1, 1000):
        name = stem if attempt == 1 else f"{stem}-{attempt}"
        partial = root / f"{_PARTIAL}{name}"
        if (root / name).exists():
            continue
        try:
            partial.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(
                f"{root}: not writable ({os.strerror(error.errno or 0)}): choose another place"
            ) from error
        return name, partial
    raise OutputError(f"{root}: too many runs are called {stem}")


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other processes from training the same run; the lock ends with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{folder}: another process is training this run: wait for it or stop it") from error
        yield
    finally:
        os.close(descriptor)


def _sweep(root: Path) -> None:
    """Remove what killed processes left: runs that never began, and the checkpoints of finished ones."""
    for partial in root.glob(f"{_PARTIAL}*"):
        with contextlib.suppress(OSError):
            if time.time() - partial.stat().st_mtime > _STALE_S:
                shutil.rmtree(partial, ignore_errors=True)
    for document in root.glob("*/run.json"):
        shutil.rmtree(document.parent / "resume", ignore_errors=True)
