"""What a person is told of unfinished runs: as one is left, as the same photos are trained on anew, as one goes on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tlx.core.run_folder import RunFolder, is_held, unfinished_runs
from tlx.core.training.runaway import runaway_place
from tlx.errors import DataError, RunError

Notify = Callable[[str], None]


@contextmanager
def resumable(run: RunFolder, notify: Notify) -> Iterator[None]:
    """Say how to go on with a training that was stopped from outside, by a full disk or a photo that went away.

    What is wrong with the run itself (:class:`~tlx.errors.RunError`) going on wouldn't mend.
    """
    try:
        yield
    except RunError:
        raise
    except BaseException:
        if run.checkpoint.exists() and not run.is_finished:
            notify(f"what was learned so far is kept, go on with: tlx train --resume {shlex.quote(str(run.folder))}")
        raise


def tell_of_unfinished(data: Path, runs_root: Path, notify: Notify) -> None:
    """Say that these photos are those of an unfinished run, if nobody trains it and it can come to a good end."""
    left = [
        run.folder
        for run in unfinished_runs(runs_root)
        if Path(run.plan.data) == data.resolve() and not runaway_place(run) and not is_held(run.folder)
    ]
    if left:
        command = f"tlx train --resume {shlex.quote(str(left[-1]))}"
        notify(f"an unfinished run of these photos is in {left[-1]}, to go on with it: {command}")


def check_before_going_on(run: RunFolder, notify: Notify) -> None:
    """Look at what needs no photo to be opened.

    Raises:
        DataError: If the folder of photos is gone.
    """
    if where := runaway_place(run):
        notify(
            f"{run.folder} stopped at {where}, as the loss was not a number any more: on the same device it will do so "
            "again, so rather train anew with a lower learning rate (--config)"
        )
    if not Path(run.plan.data).is_dir():
        raise DataError(
            f"{run.plan.data}: the photos of {run.folder} are not there any more: put them back, or train anew"
        )
