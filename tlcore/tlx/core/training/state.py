"""Where a training stands, and its checkpoint: one file that is whole or not there.

A checkpoint holds all that the next step depends on: the tail's variables (with the state of its random generators),
the optimizer's, the running sums of the epoch's loss and accuracy, the best weights so far, and the history. With the
same seed and photos the training goes on from it as if nothing had happened (on one device).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.errors import RunError

FORMAT: Final = 1
Arrays = list[npt.NDArray[Any]]
_GROUPS: Final = ("variables", "optimizer", "loss_scale", "metrics", "best")


@dataclass(slots=True)
class TrainingState:
    """The next step to take, and what was so far.

    Attributes:
        phase: Its place in the recipe, from 0; the number of phases when all are done.
        epoch: Of this phase, from 0.
        step: Of this epoch, from 0.
        epoch_seconds: Spent on this epoch so far.
        history: One row a finished epoch, over all phases.
        best_epoch: The epoch (over all phases, from 1) whose weights are the best of this phase; 0: none yet.
        best_loss: Its validation loss.
        best: Its weights of the tail.
        kept_epoch: The epoch whose weights the tail has after the last finished phase.
        seconds: Of each stage so far; see :class:`tlx.core.stopwatch.Stopwatch`.
        joules: The same of energy.
    """

    phase: int = 0
    epoch: int = 0
    step: int = 0
    epoch_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: Arrays = field(default_factory=list)
    kept_epoch: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    joules: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was read from a file."""

    state: TrainingState
    variables: Arrays
    optimizer: Arrays
    loss_scale: Arrays
    metrics: Arrays


def save_checkpoint(path: Path, state: TrainingState, tail: Any, *, with_optimizer: bool = True) -> bool:
    """Write a checkpoint of the tail, unless it holds values that are not numbers.

    Returns:
        Whether it was written.

    Raises:
        OutputError: If the disk is full; the last checkpoint is still there, whole.
    """
    sync_state(tail)
    optimizer, loss_scale = optimizer_variables(tail.optimizer) if with_optimizer else ([], [])
    groups: dict[str, Arrays] = {
        "variables": values_of(tail.variables),
        "optimizer": values_of(optimizer),
        "loss_scale": values_of(loss_scale),
        "metrics": values_of(tail.metrics_variables),
        "best": state.best,
    }
    if not all(_is_finite(value) for values in groups.values() for value in values):
        return False
    document = {name: value for name, value in asdict(state).items() if name != "best"}
    document["format"] = FORMAT
    arrays = {f"{group}/{place:03}": value for group, values in groups.items() for place, value in enumerate(values)}
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, document=np.array(json.dumps(document)), **arrays)
    return True


def sync_state(model: Any) -> None:
    """Bring a model's variables up to date: on JAX they lag behind within an epoch."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RunError: If it can't be read or is of another version.
    """
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            document = json.loads(str(file["document"]))
            groups = {group: [file[name] for name in sorted(_named(file, group))] for group in _GROUPS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(f"{path}: not a checkpoint that can be read ({error}): train again") from error
    if document.pop("format") != FORMAT:
        raise RunError(f"{path}: the checkpoint is of another version of tlx: train again")
    state = TrainingState(**document, best=groups["best"])
    arrays = {group: values for group, values in groups.items() if group != "best"}
    return Checkpoint(state, **arrays)


def optimizer_variables(optimizer: Any) -> tuple[list[Any], list[Any]]:
    """An optimizer's own variables, and those of the loss scale that Keras puts around it in float16; none elsewhere.

    Apart, they let a training that was begun in float16 on a GPU be resumed in float32 or bfloat16 on another machine.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    own = {id(variable) for variable in inner.variables}
    return list(inner.variables), [variable for variable in optimizer.variables if id(variable) not in own]


def assign(variables: Sequence[Any], values: Arrays, what: str) -> None:
    """Give variables the values that a checkpoint has for them.

    Raises:
        RunError: If they are of another network.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise RunError(f"the checkpoint's {what} are those of another network: train again")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def values_of(variables: Iterable[Any]) -> Arrays:
    """What variables hold now."""
    return [np.asarray(variable) for variable in variables]


def _named(file: Any, group: str) -> list[str]:
    return [name for name in file.files if name.startswith(f"{group}/")]


def _is_finite(value: npt.NDArray[Any]) -> bool:
    return not np.issubdtype(value.dtype, np.floating) or bool(np.isfinite(value).all())
