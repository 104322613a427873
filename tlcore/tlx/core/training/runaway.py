"""What a person gets out of a training whose loss stopped being a number: the last good model, and why it stopped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from tlx import atomic
from tlx.core.run_folder import RunFolder
from tlx.core.training.devices import Compute
from tlx.core.training.fitting import RunawayError
from tlx.core.training.learning import Lesson, in_float32
from tlx.core.training.network import Network
from tlx.core.training.state import Checkpoint, assign, load_checkpoint
from tlx.errors import RunError


@contextlib.contextmanager
def last_good_kept(run: RunFolder, lesson: Lesson, network: Network, compute: Compute) -> Iterator[None]:
    """On a loss that isn't a number leave the last good model in the run, and a mark for who resumes it.

    Raises:
        RunError: With the place of the model.
    """
    try:
        yield
    except RunawayError as error:
        if not run.checkpoint.exists():
            raise RunError(f"{error}; there was no good state before") from error
        checkpoint = load_checkpoint(run.checkpoint)
        with compute.scope():
            assign(network.tail.variables, checkpoint.state.best or checkpoint.variables, "weights")
        with atomic.replacing(run.last_good) as temporary:
            in_float32(lesson, network).save(temporary)
        atomic.write_json(run.runaway, {"where": error.where})
        raise RunError(f"{error}; {_whose(checkpoint)} are kept in {run.last_good}") from error


def runaway_place(run: RunFolder) -> str | None:
    """Where the loss of this run stopped being a number in an earlier process, if it did."""
    try:
        return str(json.loads(run.runaway.read_bytes())["where"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _whose(checkpoint: Checkpoint) -> str:
    state = checkpoint.state
    if state.best:
        return f"the best weights, of epoch {state.best_epoch},"
    if state.step:
        return f"the weights after step {state.step} of epoch {len(state.history) + 1}"
    return f"the weights of epoch {len(state.history) if state.epoch else state.kept_epoch}"
