"""The phases of a recipe, step by step, from wherever the training stands."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.recipes.recipe import Phase, Recipe
from tlx.core.stopwatch import Stopwatch
from tlx.core.training.batches import Examples, epoch_order, make_batches, steps_in
from tlx.core.training.compiling import compile_tail
from tlx.core.training.network import Network, set_trainable
from tlx.core.training.state import (
    Checkpoint,
    TrainingState,
    assign,
    optimizer_variables,
    save_checkpoint,
    sync_state,
    values_of,
)
from tlx.core.training.validating import accuracy_and_loss, predict
from tlx.errors import RunError
from tlx.export.frameworks import import_keras
from tlx.progress import Progress, deaf, silent
from tlx.stopping import StopRequest, deferred_stop

EpochRow = Mapping[str, Any]


def unheard(row: EpochRow) -> None:
    """Ignore a finished epoch."""


class RunawayError(RunError):
    """The loss isn't a number any more.

    Attributes:
        where: Phase, epoch and step.
    """

    def __init__(self, where: str, learning_rate: float) -> None:
        super().__init__(
            f"{where}: the loss is not a number any more: the learning rate ({learning_rate:g}) is too high for these "
            "photos, or the weights don't suit them: train anew with a lower one (--config)"
        )
        self.where = where


@dataclass(frozen=True, slots=True)
class FitPlan:
    """What a training learns from, and where its checkpoints go.

    Attributes:
        photos: How many are trained on.
        train: Gives their features for the number of a view.
        validation: The validation photos', plain.
        classes: ``int32 [N]``, of the validation photos.
        checkpoint: The file.
        checkpoint_minutes: How often it's written within an epoch; it's written after each epoch anyway.
        jit_compile: By XLA.
        devices: How many share each batch.
    """

    recipe: Recipe
    seed: int
    photos: int
    train: Callable[[int], Examples]
    validation: Examples
    classes: npt.NDArray[np.int32]
    checkpoint: Path
    checkpoint_minutes: float = 5.0
    jit_compile: bool = False
    devices: int = 1


@dataclass(frozen=True, slots=True)
class FitListener:
    """Who is told of a fit.

    Attributes:
        progress: Of each step.
        notify: Of facts worth a line.
        epoch_ended: Of each finished epoch: its row of the history.
        stopwatch: Measures each phase.
    """

    progress: Progress = silent
    notify: Callable[[str], None] = deaf
    epoch_ended: Callable[[EpochRow], None] = unheard
    stopwatch: Stopwatch = field(default_factory=Stopwatch)


class Fitter:
    """Trains the tail of a network in place."""

    def __init__(self, network: Network, plan: FitPlan, listener: FitListener = FitListener()) -> None:
        self._network = network
        self._tail = network.tail
        self._plan = plan
        self._listener = listener
        self._state = TrainingState()
        self._saved_s = time.monotonic()
        self._resumed: Checkpoint | None = None

    def run(self, resumed: Checkpoint | None = None) -> TrainingState:
        """Train through all phases that are left.

        Args:
            resumed: Where an earlier process stood.

        Returns:
            The state after the last phase; the tail has the weights to keep.

        Raises:
            RunawayError: If the loss stops being a number.
            KeyboardInterrupt: After Ctrl-C, once the step in progress is done and saved.
        """
        phases = self._plan.recipe.phases
        if resumed is not None:
            self._state = resumed.state
            self._resumed = resumed
            assign(self._tail.variables, resumed.variables, "weights")
        while self._state.phase < len(phases):
            self._run_phase(phases[self._state.phase])
        return self._state

    def _run_phase(self, phase: Phase) -> None:
        set_trainable(self._network, phase)
        steps = steps_in(self._plan.photos, phase.batch_size)
        compile_tail(self._tail, phase, steps_per_epoch=steps, jit_compile=self._plan.jit_compile)
        if self._resumed is not None and self._resumed.optimizer:
            own, loss_scale = optimizer_variables(self._tail.optimizer)
            assign(own, self._resumed.optimizer, "optimizer")
            if self._resumed.loss_scale and loss_scale:
                assign(loss_scale, self._resumed.loss_scale, "loss scale")
        before = sum(earlier.epochs for earlier in self._plan.recipe.phases[: self._state.phase])
        while self._state.epoch < phase.epochs:
            self._run_epoch(phase, self._plan.train(phase.view_number(self._state.epoch, before)))
        self._finish_phase(phase)

    def _run_epoch(self, phase: Phase, examples: Examples) -> None:
        state, tail = self._state, self._tail
        order = epoch_order(self._plan.photos, seed=self._plan.seed, epoch=len(state.history))
        batches = make_batches(examples, order, phase.batch_size, first_step=state.step, devices=self._plan.devices)
        with deferred_stop() as stop, self._listener.stopwatch.measure(phase.name):
            watcher = _watcher(self, phase, stop)
            # An average of the weights stands in the model only after fit(), so the plain ones are kept here.
            tail.fit(batches, epochs=1, shuffle=False, callbacks=[watcher], verbose=0)
            if phase.ema_decay:
                # On JAX the weights and their average would share memory, which predict() frees.
                assign(tail.trainable_variables, values_of(tail.trainable_variables), "weights")
            probabilities = predict(tail, self._plan.validation)
            self._end_epoch(phase, watcher.epoch_logs, probabilities)
            if phase.ema_decay:
                assign(tail.trainable_variables, watcher.plain_weights, "weights")
            if stop or state.epoch < phase.epochs:
                self.save()
            stop.leave()

    def _end_epoch(self, phase: Phase, logs: Mapping[str, float], probabilities: npt.NDArray[np.float32]) -> None:
        state = self._state
        accuracy, loss = accuracy_and_loss(probabilities, self._plan.classes)
        epoch = len(state.history) + 1
        row: EpochRow = {
            "phase": phase.name,
            "epoch": epoch,
            "loss": float(logs["loss"]),
            "accuracy": float(logs["accuracy"]),
            "val_loss": loss,
            "val_accuracy": accuracy,
            "learning_rate": float(np.asarray(self._tail.optimizer.learning_rate)),
            "seconds": round(state.epoch_seconds, 3),
        }
        self.require_number(loss, phase)
        state.history.append(dict(row))
        if phase.keep == "best" and loss < state.best_loss:
            state.best_epoch, state.best_loss = epoch, loss
            state.best = values_of(self._tail.variables)
        if phase.ema_decay and phase.keep == "last" and state.epoch + 1 == phase.epochs:
            state.best_epoch, state.best = epoch, values_of(self._tail.variables)
        state.epoch, state.step, state.epoch_seconds = state.epoch + 1, 0, 0.0
        self._listener.epoch_ended(row)

    def _finish_phase(self, phase: Phase) -> None:
        state = self._state
        if state.best:
            assign(self._tail.variables, state.best, "weights")
        state.kept_epoch = state.best_epoch or len(state.history)
        state.best, state.best_epoch, state.best_loss = [], 0, math.inf
        state.phase, state.epoch, state.step = state.phase + 1, 0, 0
        self._resumed = None
        self.save(between_phases=True)
        self._listener.notify(f"{phase.name}: done, the weights of epoch {state.kept_epoch} are kept")

    def save(self, *, between_phases: bool = False) -> None:
        """Write a checkpoint of the next step; the next phase begins with an optimizer of its own."""
        self._state.seconds, self._state.joules = self._listener.stopwatch.seconds, self._listener.stopwatch.joules
        save_checkpoint(self._plan.checkpoint, self._state, self._tail, with_optimizer=not between_phases)
        self._saved_s = time.monotonic()

    def add_earlier_sums(self) -> None:
        """Go on with the sums of an epoch that an earlier process began, after the first step of this one.

        Before it Keras hasn't made the variables. They are sums, so the order of addition is that of an undisturbed
        epoch.
        """
        if self._resumed is not None and self._resumed.state.step:
            sync_state(self._tail)
            variables = self._tail.metrics_variables
            sums = [
                np.asarray(variable) + earlier
                for variable, earlier in zip(variables, self._resumed.metrics, strict=True)
            ]
            assign(variables, sums, "metrics")
        self._resumed = None

    def after_step(self, phase: Phase, logs: Mapping[str, float], seconds: float, stop: StopRequest) -> None:
        """Count a step, tell of it, and save if it's time or somebody asked to stop."""
        state, photos = self._state, self._plan.photos
        self.require_number(logs["loss"], phase)
        state.step += 1
        state.epoch_seconds += seconds
        steps = steps_in(photos, phase.batch_size)
        rate = min(state.step * phase.batch_size, photos) / max(state.epoch_seconds, 1e-9)
        last = f", validation {state.history[-1]['val_accuracy']:.4f}" if state.history else ""
        self._listener.progress(
            phase.name,
            state.epoch * steps + state.step,
            phase.epochs * steps,
            f"epoch {state.epoch + 1}/{phase.epochs}, loss {logs['loss']:.4f}, "
            f"accuracy {logs['accuracy']:.4f}{last}, {rate:.0f} images/s",
        )
        # After the last step the epoch is as good as done: it's validated and saved then.
        if state.step < steps and (stop or time.monotonic() - self._saved_s >= 60 * self._plan.checkpoint_minutes):
            self.save()
            stop.leave()

    def require_number(self, loss: float, phase: Phase) -> None:
        """Stop a training that has run away.

        Raises:
            RunawayError: If the loss isn't finite.
        """
        if not math.isfinite(loss):
            where = f"{phase.name}, epoch {self._state.epoch + 1}, step {self._state.step + 1}"
            raise RunawayError(where, phase.learning_rate)


def _watcher(fitter: Fitter, phase: Phase, stop: StopRequest) -> Any:
    keras = import_keras()

    class Watcher(keras.callbacks.Callback):  # type: ignore[misc,name-defined] # Keras is untyped
        """Ties Keras's loop to the fitter's."""

        def __init__(self) -> None:
            super().__init__()
            self.epoch_logs: dict[str, float] = {}
            self.plain_weights: list[Any] = []
            self._started_s = time.monotonic()

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            del epoch, logs
            self._started_s = time.monotonic()

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            del batch
            now_s = time.monotonic()
            fitter.add_earlier_sums()
            fitter.after_step(phase, logs or {}, now_s - self._started_s, stop)
            self._started_s = now_s

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            del epoch
            self.epoch_logs = dict(logs or {})
            self.plain_weights = values_of(self.model.trainable_variables)

    return Watcher()
