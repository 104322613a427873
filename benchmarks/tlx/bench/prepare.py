"""From what the user asked for to a plan: which files, which run, which photos."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tlx.bench.contradictions import refuse_contradictions
from tlx.bench.engines import (
    choose_engines,
    find_devices,
    keras_engines,
    network_of,
    network_of_run,
    onnx_engines,
    spread,
)
from tlx.bench.keras_python import ask_versions
from tlx.bench.measures.wanted import parse_wanted
from tlx.bench.pictures import choose_readable, find_photos, true_class
from tlx.bench.plan import EngineSpec, Plan, Workload
from tlx.contract import Contract
from tlx.errors import InputError, MissingDependencyError, RunError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.processors import usable_processors

if TYPE_CHECKING:
    from tlx.core.runs import Run

NO_KERAS: Final = "none"
MARGIN: Final = 0.02
MAX_SECONDS: Final = 90.0
MOST_ROUNDS: Final = 600
"""Where rounds end by a margin; whoever asks for none has a reason to go on."""
_RUNS: Final = Path("runs")


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What the user asked for.

    Attributes:
        models: One or more .onnx files.
        keras: A run, ``none``, or None for the run that the first model file names.
        photos: A folder; None takes the run's validation photos, or pictures made by formula.
        limit: At most this many photos.
        batches: Photos a call: a row for each.
        threads: A row for each; empty takes as many as this process may use.
        rounds: Turns of each engine, at most; None goes on until all is known within the margin.
        max_seconds: See :attr:`tlx.bench.plan.Plan.max_seconds`; None is :data:`MAX_SECONDS`, or no limit where rounds
            are asked for.
        margin: See :attr:`tlx.bench.plan.Plan.margin`; None is :data:`MARGIN`, or 0 where rounds are asked for.
        device: ``auto`` measures ONNX Runtime on each device that works; any other is the only one.
        engines: Names of engines, ``*`` stands for anything; empty takes the usual ones.
        keras_python: An interpreter that has TensorFlow; None for this one.
        measure: What is measured beside the latency; see :func:`tlx.bench.measures.wanted.parse_wanted`.
        sustained_s: How long each engine runs without a pause to find its sustained rate; None for not at all.
    """

    models: tuple[Path, ...]
    keras: str | None = None
    photos: Path | None = None
    limit: int = 50
    batches: tuple[int, ...] = (1,)
    threads: tuple[int, ...] = ()
    rounds: int | None = None
    max_seconds: float | None = None
    margin: float | None = None
    device: str = "auto"
    engines: tuple[str, ...] = ()
    keras_python: Path | None = None
    seed: int = 0
    measure: str = "none"
    sustained_s: float | None = None

    @property
    def is_without_keras(self) -> bool:
        """Whether no Keras is to be measured."""
        return self.keras == NO_KERAS

    @property
    def most_rounds(self) -> int | None:
        """What :attr:`rounds` comes to; None where only the time is bounded."""
        if self.rounds is not None:
            return self.rounds
        return MOST_ROUNDS if self.end_margin > 0 else None

    @property
    def longest_s(self) -> float:
        """What :attr:`max_seconds` comes to."""
        if self.max_seconds is not None:
            return self.max_seconds
        return MAX_SECONDS if self.rounds is None else math.inf

    @property
    def end_margin(self) -> float:
        """What :attr:`margin` comes to."""
        if self.margin is not None:
            return self.margin
        return MARGIN if self.rounds is None else 0.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and what the user should know about it.

    Attributes:
        options: What the user asked for.
        photos_from: A folder, a run, or ``made by formula``.
        notes: One line each.
        keras_versions: Of the environment that runs Keras, where that isn't this one.
    """

    options: BenchOptions
    plan: Plan
    photos_from: str
    notes: tuple[str, ...]
    keras_versions: Mapping[str, str] | None = None


def prepare(options: BenchOptions) -> Prepared:
    """Find everything that a bench needs.

    Raises:
        TlxError: If a model, a run or a folder that the user named can't be used, or options contradict each other.
    """
    refuse_contradictions(options)
    _check_threads(options.threads)
    models = [(path, ModelFile.read(path).contract) for path in options.models]
    contract = models[0][1]
    _check_labels(models)
    notes: list[str] = []
    run = _find_run(options, models[0], notes)
    keras_versions = ask_versions(options.keras_python) if options.keras_python else None
    workload, photos_from = _choose_photos(options, run, contract, notes)
    devices, broken = find_devices(options.device, onnxruntime.get_available_providers())
    notes += broken
    found = _keras_part(options, run, contract, notes) + onnx_engines(models, devices)
    engines = choose_engines(found, options.engines, options.device)
    plan = Plan(
        engines=spread(engines, options.batches, options.threads or (usable_processors(),)),
        workload=workload,
        rounds=options.most_rounds,
        max_seconds=options.longest_s,
        device=options.device,
        margin=options.end_margin,
        seed=options.seed,
        keras_python=options.keras_python,
        wanted=parse_wanted(options.measure, options.sustained_s),
    )
    return Prepared(options, plan, photos_from, tuple(notes), keras_versions)


def _check_threads(threads: tuple[int, ...]) -> None:
    """More threads than processors measure how they wait for each other."""
    usable = usable_processors()
    if max(threads, default=1) > usable:
        raise InputError(f"--threads {max(threads)}: at most {usable} processors may be used here (affinity and quota)")


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
    if options.is_without_keras and options.photos is not None:
        return None  # nothing of it is needed
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
    if run is None or options.is_without_keras:
        return []
    if options.keras_python is None and not all(importlib.util.find_spec(name) for name in ("tensorflow", "keras")):
        missing = "Keras can't be measured, TensorFlow isn't installed: run \"pip install 'tlx-edge[train]'\""
        if options.keras is not None:
            raise MissingDependencyError(missing)
        notes.append(missing)
        return []
    engines = keras_engines(run.model_path, run.recipe.size_hw, contract)
    network = network_of_run(run.record.name, run.record.data.sha256, run.record.weights.sha256)
    if network != network_of(contract):
        named = "no run" if contract.training is None else f"the run {contract.training.run}"
        notes.append(f"{options.models[0]} names {named}, not {run.record.name} (--keras): taken for another network")
    return [replace(engine, device=options.device, network=network) for engine in engines]


def _choose_photos(
    options: BenchOptions, run: Run | None, contract: Contract, notes: list[str]
) -> tuple[Workload, str]:
    labels = contract.labels
    known: dict[Path, int | None] = {}
    if options.photos is not None:
        found, photos_from = find_photos(options.photos), str(options.photos)
        known = {photo: true_class(photo, options.photos, labels) for photo in found}
    elif run is not None:
        listed = [photo for photo in run.photos("validation") if photo.path.is_file()]
        found, photos_from = [photo.path for photo in listed], f"validation photos of {run.folder.name}"
        known = {photo.path: labels.index(photo.label) for photo in listed}
    else:
        found = []
    if not found:
        notes.append("no photos here, so pictures are made by formula: latencies hold, agreement says little")
        return Workload((), options.limit, len(labels)), "made by formula"
    chosen, problems = choose_readable(found, options.limit, options.seed)
    notes += [f"left out: {problem}" for problem in problems]
    truth = tuple(known[photo] for photo in chosen)
    without = [photo for photo, place in zip(chosen, truth, strict=True) if place is None]
    if len(without) == len(chosen):
        truth = ()
    elif without:
        many = f"{len(without)} others lie" if len(without) > 1 else "1 other lies"
        notes.append(
            f"accuracy is of {len(chosen) - len(without)} photos: {many} in no folder of a label, as {without[0]}"
        )
    return Workload(tuple(chosen), 0, len(labels), truth), photos_from
