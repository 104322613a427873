"""From what the user asked for to a plan: which files, which run, which photos."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tlx.bench.pictures import choose_readable, find_photos
from tlx.bench.plan import EngineSpec, Placement, Plan, Workload, keras_engines, onnx_engines
from tlx.contract import Contract
from tlx.errors import InputError, MissingDependencyError, RunError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.processors import usable_processors
from tlx.runtime.timing.pinning import choose_cpus

if TYPE_CHECKING:
    from tlx.core.runs import Run

NO_KERAS: Final = "none"
_RUNS: Final = Path("runs")


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What the user asked for.

    Attributes:
        models: One or more .onnx files.
        keras: A run, ``none``, or None for the run that the first model file names.
        photos: A folder; None takes the run's validation photos, or pictures made by formula.
        limit: At most this many photos.
        batch: Photos a call.
        threads: None takes as many as this process may use.
        device: ``auto``, ``cpu`` or ``gpu``.
    """

    models: tuple[Path, ...]
    keras: str | None = None
    photos: Path | None = None
    limit: int = 50
    batch: int = 1
    rounds: int = 20
    max_seconds: float = 120.0
    threads: int | None = None
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and what the user should know about it.

    Attributes:
        options: What the user asked for.
        photos_from: A folder, a run, or ``made by formula``.
        notes: One line each.
    """

    options: BenchOptions
    plan: Plan
    photos_from: str
    notes: tuple[str, ...]


def prepare(options: BenchOptions) -> Prepared:
    """Find everything that a bench needs.

    Raises:
        TlxError: If a model, a run or a folder that the user named can't be used.
    """
    models = [(path, ModelFile.read(path).contract) for path in options.models]
    contract = models[0][1]
    _check_labels(models)
    notes: list[str] = []
    run = _find_run(options, models[0], notes)
    photos, photos_from = _choose_photos(options, run, notes)
    engines = _keras_part(options, run, contract, notes) + onnx_engines(models)
    threads = options.threads or usable_processors()
    plan = Plan(
        engines=tuple(engines),
        workload=Workload(photos, 0 if photos else options.limit, len(contract.labels), options.batch),
        placement=Placement(options.device, threads, choose_cpus(threads)),
        rounds=options.rounds,
        max_seconds=options.max_seconds,
        seed=options.seed,
    )
    return Prepared(options, plan, photos_from, tuple(notes))


def _check_labels(models: list[tuple[Path, Contract]]) -> None:
    first_path, first = models[0]
    for path, contract in models[1:]:
        if contract.labels != first.labels:
            raise InputError(
                f"{path}: knows the labels {', '.join(contract.labels)}, but {first_path} knows "
                f"{', '.join(first.labels)}: compare models of the same labels"
            )


def _find_run(options: BenchOptions, model: tuple[Path, Contract], notes: list[str]) -> Run | None:
    """The run that was named, or the one that the model file names, if it's here."""
    path, contract = model
    if options.keras not in {None, NO_KERAS}:
        return _open_run(str(options.keras), model)
    if contract.training is None:
        notes.append(f"{path} doesn't say which run it came from: name one with --keras RUN")
        return None
    try:
        return _open_run(contract.training.run, model)
    except RunError as error:
        notes.append(f"the run that {path} came from isn't here ({error}): name it with --keras RUN")
        return None


def _open_run(name: str, model: tuple[Path, Contract]) -> Run:
    from tlx.core.runs import open_run

    path, contract = model
    run = open_run(name, _RUNS)
    if run.labels != contract.labels:
        raise RunError(f"{run.folder}: knows other labels than {path}: name the run that it came from")
    return run


def _keras_part(options: BenchOptions, run: Run | None, contract: Contract, notes: list[str]) -> list[EngineSpec]:
    if run is None or options.keras == NO_KERAS:
        return []
    if not all(importlib.util.find_spec(package) for package in ("tensorflow", "keras")):
        missing = "Keras can't be measured, TensorFlow isn't installed: run \"pip install 'tlx-edge[train]'\""
        if options.keras is not None:
            raise MissingDependencyError(missing)
        notes.append(missing)
        return []
    return keras_engines(run.model_path, run.recipe.size_hw, contract)


def _choose_photos(options: BenchOptions, run: Run | None, notes: list[str]) -> tuple[tuple[Path, ...], str]:
    if options.photos is not None:
        found, photos_from = find_photos(options.photos), str(options.photos)
    elif run is not None:
        found = [photo.path for photo in run.photos("validation") if photo.path.is_file()]
        photos_from = f"validation photos of {run.folder.name}"
    else:
        found = []
    if not found:
        notes.append("no photos here, so pictures are made by formula: latencies hold, agreement says little")
        return (), "made by formula"
    chosen, problems = choose_readable(found, options.limit, options.seed)
    notes += [f"left out: {problem}" for problem in problems]
    return tuple(chosen), photos_from
