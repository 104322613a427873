"""Logs of a training for TensorBoard, written by TensorFlow alone; looking at them takes the tensorboard package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tlx.core.training.fitting import EpochRow
from tlx.errors import InputError
from tlx.export.frameworks import import_keras, import_tensorflow

FOLDER: Final = "tensorboard"
_SERIES: Final = {
    "loss": "loss/training",
    "val_loss": "loss/validation",
    "accuracy": "accuracy/training",
    "val_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
    "seconds": "seconds_an_epoch",
}


def require_tensorflow() -> None:
    """Refuse another backend: beside it TensorFlow would take a GPU's memory for itself.

    Raises:
        InputError: If Keras runs on one.
    """
    backend = str(import_keras().backend.backend())
    if backend != "tensorflow":
        raise InputError(f"--tensorboard: TensorFlow writes these logs, and Keras runs on {backend} here: leave it out")


def epoch_logger(run_folder: Path) -> Callable[[EpochRow], None]:
    """Give a listener that writes each finished epoch's figures below the run's folder.

    A resumed training adds a file of its own; TensorBoard draws all of a folder as one.
    """
    tf = import_tensorflow()
    writer = tf.summary.create_file_writer(str(run_folder / FOLDER))

    def write(row: EpochRow) -> None:
        with writer.as_default(step=int(row["epoch"])):
            for name, tag in _SERIES.items():
                # tf.summary.scalar itself comes with the tensorboard package.
                tf.summary.write(tag, tf.constant(float(row[name])), metadata=_scalar_metadata(tf))
        writer.flush()

    return write


def _scalar_metadata(tf: Any) -> Any:
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    metadata.data_class = 1  # DATA_CLASS_SCALAR of summary.proto
    return metadata
