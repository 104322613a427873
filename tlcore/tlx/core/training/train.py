"""Training, from a folder of photos to a finished run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tlx.cache import cache_folder
from tlx.core import runs
from tlx.core.backbone import MINIMUM_SIZE
from tlx.core.photos import Dataset, class_weights, data_lines, load_dataset
from tlx.core.recipes.recipe import Recipe
from tlx.core.run_folder import RunFolder, Start, begin_run, is_held, read_start, resume_run, unfinished_runs
from tlx.core.runs import Run
from tlx.core.stopwatch import Stopwatch
from tlx.core.training import disk
from tlx.core.training.devices import Compute, choose_compute, parse_gpus
from tlx.core.training.finishing import Finished, write_run
from tlx.core.training.fitting import EpochRow, FitListener, unheard
from tlx.core.training.learning import Lesson, build_for, learn, open_features
from tlx.core.training.runaway import last_good_kept
from tlx.core.training.starting import (
    recorded_splits,
    require_same_head,
    require_same_labels,
    require_whole_network,
    start_from,
    start_from_weights,
    tell_of_learned_ones,
)
from tlx.core.training.state import TrainingState, load_checkpoint
from tlx.core.training.tensorboard import epoch_logger, require_tensorflow
from tlx.core.training.unfinished import check_before_going_on, resumable, tell_of_unfinished
from tlx.core.trunk.budget import DEFAULT_LIMIT_GB, require_limit
from tlx.errors import DataError, InputError, RunError
from tlx.progress import Progress, deaf, silent
from tlx.stopping import deferred_stop, remembered_stop, stopping_progress

_EPOCH_LINES_S: Final = 5.0
"""Epochs that pass faster than this don't each get a line."""


def refuse(question: str) -> bool:
    """Answer no, as where nobody can be asked."""
    del question
    return False


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of a training, and asked.

    Attributes:
        progress: Told of steps.
        notify: Told of facts worth a line.
        confirm: Asked a question that wants a yes.
        epoch_ended: Told of each finished epoch: its row of the history.
    """

    progress: Progress = silent
    notify: Callable[[str], None] = deaf
    confirm: Callable[[str], bool] = refuse
    epoch_ended: Callable[[EpochRow], None] = unheard


@dataclass(frozen=True, slots=True)
class Machine:
    """On what a training runs; decides nothing about what it becomes, apart from roundings.

    Attributes:
        gpus: See :func:`tlx.core.training.devices.choose_compute`.
        devices: TensorFlow's names of devices that share the work, in place of ``gpus``.
        cache_gb: The most that cached features may take on disk, those of other trainings included.
        checkpoint_minutes: How often the state is saved within an epoch.
        tensorboard: Write logs for TensorBoard into the run's folder.

    Raises:
        InputError: If ``gpus`` is none of what is offered there, or the limit no number above 0.
    """

    gpus: str | None = None
    devices: tuple[str, ...] = ()
    cache_gb: float = DEFAULT_LIMIT_GB
    checkpoint_minutes: float = 5.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        parse_gpus(self.gpus)
        require_limit(self.cache_gb)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a person chooses for one training.

    Attributes:
        weights: See :func:`tlx.core.weights.chain.load_weights`; not used with ``started_from``.
        started_from: A run whose network (convolutions and head) is the starting point.
        strict: Refuse photos that can't be read instead of leaving them out.
        balance: Let all classes count the same in the loss, however many photos they have.
    """

    recipe: Recipe
    seed: int = 0
    weights: str = "imagenet"
    started_from: Run | None = None
    strict: bool = False
    balance: bool = False
    runs_root: Path = runs.RUNS_FOLDER
    machine: Machine = Machine()


def train(data: Path, options: TrainOptions, listener: Listener = Listener()) -> Run:
    """Train a classifier on a folder of labelled photos.

    Args:
        data: See :mod:`tlx.core.photos` for its layouts.
        options: Recipe, seed, starting point.
        listener: Told how it goes.

    Returns:
        The finished run.

    Raises:
        DataError: If the photos can't be trained on.
        WeightsError: If the pretrained weights can't be had.
        OutputError: If the run or the cache can't be written.
        DeviceError: If there are fewer GPUs than asked for.
        RunError: If the loss stops being a number; the run can be resumed from its last checkpoint.
    """
    if min(options.recipe.size_hw) < MINIMUM_SIZE:
        raise InputError(
            f"the recipe's input has {min(options.recipe.size_hw)} pixels a side: VGG16 needs at least {MINIMUM_SIZE} "
            "pixels (--size, or size_hw in the configuration file)"
        )
    if options.machine.tensorboard:
        require_tensorflow()
    with remembered_stop() as stop:
        return _begin(data, options, replace(listener, progress=stopping_progress(listener.progress, stop)))


def _begin(data: Path, options: TrainOptions, listener: Listener) -> Run:
    if options.started_from:
        require_whole_network(options.started_from)
        require_same_head(options.recipe, options.started_from)
    stopwatch = Stopwatch()
    with stopwatch.measure("check"):
        dataset = load_dataset(
            data,
            seed=options.seed,
            strict=options.strict,
            recorded=recorded_splits(options.started_from),
            progress=listener.progress,
        )
    for line in data_lines(dataset):
        listener.notify(line)
    tell_of_unfinished(dataset.root, options.runs_root, listener.notify)
    if options.started_from:
        require_same_labels(dataset, options.started_from)
        tell_of_learned_ones(dataset, options.started_from, listener.notify)
    compute = choose_compute(options.recipe.precision, options.machine.gpus, options.machine.devices)
    disk.require_room(options.runs_root, options.recipe)
    if options.started_from:
        start = start_from(options.started_from)
    else:
        start = start_from_weights(options.weights, listener.notify, listener.progress)
    plan = {
        "data": str(dataset.root.resolve()),
        "data_sha256": dataset.sha256,
        "labels": list(dataset.labels),
        "recipe": options.recipe.to_dict(),
        "seed": options.seed,
        "weights": start.weights.name,
        "weights_is_imagenet": start.weights.is_imagenet,
        "weights_sha256": start.weights.sha256,
        "started_from": options.started_from.record.name if options.started_from else None,
        "strict": options.strict,
        "balance": options.balance,
        "recorded_splits": recorded_splits(options.started_from),
    }
    with begin_run(options.runs_root, options.recipe.name, start, plan) as run, resumable(run, listener.notify):
        return _train(run, dataset, start, _Means(options.machine, compute, stopwatch, listener))


def resume(folder: Path, machine: Machine = Machine(), listener: Listener = Listener()) -> Run:
    """Go on with an unfinished run where its last checkpoint stands.

    Args:
        folder: The run's.
        machine: May differ from before; then the end agrees with an undisturbed run but for roundings.
        listener: Told how it goes.

    Raises:
        RunError: If there is no such unfinished run, or another process trains it.
        DataError: If its photos are not the same any more.
    """
    if machine.tensorboard:
        require_tensorflow()
    with remembered_stop() as stop, resume_run(folder) as run, resumable(run, listener.notify):
        return _go_on(run, machine, replace(listener, progress=stopping_progress(listener.progress, stop)))


def _go_on(run: RunFolder, machine: Machine, listener: Listener) -> Run:
    plan = run.plan
    earlier = load_checkpoint(run.checkpoint).state if run.checkpoint.exists() else TrainingState()
    stopwatch = Stopwatch(earlier_seconds=earlier.seconds, earlier_joules=earlier.joules)
    check_before_going_on(run, listener.notify)
    with stopwatch.measure("check"):
        dataset = load_dataset(
            Path(plan.data),
            seed=plan.seed,
            strict=plan.strict,
            recorded=plan.recorded_splits,
            progress=listener.progress,
        )
    if dataset.sha256 != plan.data_sha256:
        raise DataError(f"{plan.data}: not the photos that {run.folder.name} began with: put them back, or train anew")
    recipe = Recipe.from_dict(plan.recipe)
    compute = choose_compute(recipe.precision, machine.gpus, machine.devices)
    return _train(run, dataset, read_start(run), _Means(machine, compute, stopwatch, listener))


def find_unfinished(name: str | None, root: Path) -> Path:
    """The folder of the unfinished run that a person means.

    Args:
        name: A run's folder or name, the folder of its photos, or ``None`` and ``latest`` for the newest that no
            process trains.
        root: The folder that holds the runs.

    Raises:
        RunError: If there is none.
    """
    runs_found = unfinished_runs(root)
    if name is None or name == runs.LATEST:
        if not runs_found:
            raise RunError(f"no unfinished run in {root}/: nothing to resume; 'tlx runs' lists what there is")
        return _newest_free(runs_found)
    for folder in (Path(name), root / name):
        if any((folder / document).is_file() for document in ("training.json", "run.json")):
            return folder
    of_data = [run for run in runs_found if Path(run.plan.data) == Path(name).resolve()]
    if not of_data:
        raise RunError(f"{name}: no unfinished run in {root}/ has this name or these photos: nothing to resume")
    return _newest_free(of_data)


def _newest_free(found: Sequence[RunFolder]) -> Path:
    return ([run for run in found if not is_held(run.folder)] or found)[-1].folder


@dataclass(frozen=True, slots=True)
class _Means:
    machine: Machine
    compute: Compute
    stopwatch: Stopwatch
    listener: Listener


def _train(run: RunFolder, dataset: Dataset, start: Start, means: _Means) -> Run:
    listener, plan = means.listener, run.plan
    recipe = Recipe.from_dict(plan.recipe)
    lesson = Lesson(
        recipe=recipe,
        seed=plan.seed,
        dataset=dataset,
        start=start,
        checkpoint=run.checkpoint,
        class_weights=class_weights(dataset) if plan.balance else {},
        checkpoint_minutes=means.machine.checkpoint_minutes,
    )
    with deferred_stop() as stop:
        network = build_for(lesson, means.compute)
        stop.leave()
    place = disk.plan_cache(
        cache_folder() / "trunk", lesson, network.trunk, limit_gb=means.machine.cache_gb, confirm=listener.confirm
    )
    features = open_features(lesson, network, means.compute, place)
    with last_good_kept(run, lesson, network, means.compute):
        learned = learn(lesson, network, features, means.compute, _fit_listener(run, means))
    write_run(run, Finished(lesson, learned, means.compute, means.stopwatch))
    run.finish()
    return runs.open_run(run.folder)


def _fit_listener(run: RunFolder, means: _Means) -> FitListener:
    listener = means.listener
    log = epoch_logger(run.folder) if means.machine.tensorboard else unheard
    told_s = time.monotonic()

    def epoch_ended(row: EpochRow) -> None:
        nonlocal told_s
        listener.epoch_ended(row)
        log(row)
        if time.monotonic() - told_s >= _EPOCH_LINES_S:
            told_s = time.monotonic()
            listener.notify(
                f"epoch {row['epoch']} ({row['phase']}): loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}, "
                f"validation loss {row['val_loss']:.4f}, validation accuracy {row['val_accuracy']:.4f}"
            )

    return FitListener(listener.progress, listener.notify, epoch_ended, means.stopwatch)
