"""One phase of training on ready features."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.core.model import compile_head
from tlx.core.recipes import Phase
from tlx.errors import RunError
from tlx.export.frameworks import import_keras
from tlx.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class Examples:
    """Inputs of the trainable part with their class indices.

    Attributes:
        features: ``float32 [N, h, w, channels]``.
        classes: ``int32 [N]``.
    """

    features: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a phase left: one entry an epoch, and which epoch's weights the model now has (from 1)."""

    history: list[dict[str, float]]
    kept_epoch: int


def fit_phase(model: Any, phase: Phase, *, train: Examples, validation: Examples, progress: Progress = silent) -> Fit:
    """Train ``model`` in place; afterwards it holds the weights that ``phase.keep`` asks for.

    Raises:
        RunError: If the loss stops being a number.
    """
    compile_head(model, phase)
    watcher = _watcher(phase, progress)
    model.fit(
        train.features,
        train.classes,
        validation_data=(validation.features, validation.classes),
        epochs=phase.epochs,
        batch_size=phase.batch_size,
        callbacks=[watcher],
        verbose=0,
    )
    if phase.keep == "best":
        model.set_weights(watcher.best_weights)
    return Fit(watcher.history_rows, watcher.best_epoch if phase.keep == "best" else phase.epochs)


def _watcher(phase: Phase, progress: Progress) -> Any:
    keras = import_keras()

    class Watcher(keras.callbacks.Callback):  # type: ignore[misc,name-defined] # Keras is untyped
        """Records each epoch, remembers the best weights, stops at a loss that isn't a number."""

        def __init__(self) -> None:
            super().__init__()
            self.history_rows: list[dict[str, float]] = []
            self.best_epoch, self.best_loss = 0, math.inf
            self.best_weights: list[Any] = []
            self.started_s = time.monotonic()

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            del epoch, logs
            self.started_s = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            row = {name: float(value) for name, value in (logs or {}).items()}
            row |= {"epoch": epoch + 1, "seconds": round(time.monotonic() - self.started_s, 3)}
            self.history_rows.append(row)
            if not all(map(math.isfinite, row.values())):
                raise RunError(
                    f"epoch {epoch + 1}: the loss is not a number any more: "
                    "the weights or the learning rate don't suit these photos"
                )
            if row["val_loss"] < self.best_loss:
                self.best_epoch, self.best_loss = epoch + 1, row["val_loss"]
                if phase.keep == "best":
                    self.best_weights = self.model.get_weights()
            progress(
                f"training {phase.name}",
                epoch + 1,
                phase.epochs,
                f"loss {row['loss']:.4f}, validation accuracy {row['val_accuracy']:.4f}",
            )

    return Watcher()
