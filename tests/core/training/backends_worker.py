"""A process of its own for the test of Keras's other backends, which are chosen before Keras is imported.

``python backends_worker.py PHOTOS ROOT`` trains once undisturbed and once interrupted and resumed; it prints folders
and histories of both runs, and what the first model says of a few pictures, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.runs import Run
from tlx.core.training.train import Listener, TrainOptions, find_unfinished, resume, train
from tlx.export.keras_model import load_keras_model

INTERRUPTED_STEP = 2
"""Of fine-tuning, in the middle of its first epoch."""


def recipe() -> Recipe:
    """Head, then block5, with everything that has a state: dropout, Adam, an average of the weights."""
    preset = find_preset("default")
    head, tuning = preset.phases
    return dataclasses.replace(
        preset,
        size_hw=(32, 32),
        preprocessing="rescale",
        phases=(
            dataclasses.replace(head, epochs=1, batch_size=8, views=1),
            dataclasses.replace(tuning, epochs=2, batch_size=8, views=1, ema_decay=0.8, learning_rate=1e-3),
        ),
    )


def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
    """Send this process Ctrl-C."""
    del total, note
    if stage == "fine-tuning" and done == INTERRUPTED_STEP:
        os.kill(os.getpid(), signal.SIGINT)


def history(run: Run) -> list[dict[str, Any]]:
    rows = json.loads((run.folder / "history.json").read_bytes())
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def main() -> None:
    photos, root = Path(sys.argv[1]), Path(sys.argv[2])
    options = TrainOptions(recipe(), weights="none", runs_root=root)
    runs = [train(photos, options)]
    try:
        train(photos, options, Listener(interrupt))
    except KeyboardInterrupt:
        runs.append(resume(find_unfinished(None, root)))
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    said = np.asarray(load_keras_model(runs[0].model_path).predict_on_batch(pictures))
    document = {
        "folders": [str(run.folder) for run in runs],
        "histories": [history(run) for run in runs],
        "probabilities": said.tolist(),
    }
    print(json.dumps(document))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
