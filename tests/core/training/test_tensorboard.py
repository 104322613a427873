"""Logs for TensorBoard: what is written is read back by TensorFlow's own reader."""

from __future__ import annotations

import json
from pathlib import Path

from tlx.core.recipes.presets import find_preset
from tlx.core.training.train import Machine, TrainOptions, train
from tlx.export.frameworks import import_tensorflow


def test_each_epoch_is_in_the_log(tmp_path: Path, colour_photos: Path) -> None:
    recipe = find_preset("features").changed(epochs=3, size=32)
    options = TrainOptions(recipe, weights="none", runs_root=tmp_path, machine=Machine(tensorboard=True))
    run = train(colour_photos, options)
    tf = import_tensorflow()
    found: dict[tuple[str, int], float] = {}
    (log,) = (run.folder / "tensorboard").glob("events.out.tfevents.*")
    for record in tf.data.TFRecordDataset(str(log)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    for row in json.loads((run.folder / "history.json").read_bytes()):
        assert abs(found["loss/training", row["epoch"]] - row["loss"]) < 1e-5
        assert abs(found["accuracy/validation", row["epoch"]] - row["val_accuracy"]) < 1e-5
