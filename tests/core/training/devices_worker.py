"""A process of its own for the tests of devices: TensorFlow takes logical devices only before it starts.

``python devices_worker.py DEVICES PHOTOS ROOT`` trains on one device, and on several with an interruption; it prints
folders and histories of both runs as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.runs import Run
from tlx.core.training.train import Listener, Machine, TrainOptions, find_unfinished, resume, train
from tlx.export.frameworks import import_tensorflow

INTERRUPTED_STEP = 6
"""In the second phase, in the middle of an epoch."""


def recipe() -> Recipe:
    """Head, then block5, with an average of the weights; odd batches, the last of an epoch with one photo alone."""
    preset = find_preset("default")
    head, tuning = preset.phases
    return dataclasses.replace(
        preset,
        size_hw=(32, 32),
        preprocessing="rescale",
        precision="float32",
        # The devices draw their dropout apart from one another.
        head=dataclasses.replace(preset.head, dropout=0.0),
        phases=(
            dataclasses.replace(head, epochs=1, batch_size=7, views=1),
            dataclasses.replace(tuning, epochs=2, batch_size=7, views=1, ema_decay=0.8, learning_rate=1e-3),
        ),
    )


def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
    """Send this process Ctrl-C."""
    del total, note
    if stage == "fine-tuning" and done == INTERRUPTED_STEP:
        os.kill(os.getpid(), signal.SIGINT)


def history(run: Run) -> list[dict[str, Any]]:
    rows = json.loads((run.folder / "history.json").read_bytes())
    return [{name: value for name, value in row.items() if name not in {"seconds", "phase"}} for row in rows]


def main() -> None:
    count, photos, root = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    tf = import_tensorflow()
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    one = TrainOptions(recipe(), weights="none", balance=True, runs_root=root)
    machine = Machine(devices=tuple(f"CPU:{place}" for place in range(count)))
    several = dataclasses.replace(one, machine=machine)
    runs = {"one": train(photos, one)}
    try:
        train(photos, several, Listener(interrupt))
    except KeyboardInterrupt:
        runs["several"] = resume(find_unfinished(None, root), machine)
    documents = {name: {"folder": str(run.folder), "history": history(run)} for name, run in runs.items()}
    print(json.dumps(documents))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
