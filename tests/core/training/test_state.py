"""Checkpoints that go from one way of computing to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlx.core.training.state import (
    TrainingState,
    assign,
    load_checkpoint,
    optimizer_variables,
    save_checkpoint,
    values_of,
)
from tlx.export.frameworks import import_keras


def tail(dtype: str) -> Any:
    """A network that has learned one step; in float16 Keras puts a loss scale around its optimizer."""
    keras = import_keras()
    keras.utils.set_random_seed(1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    keras.config.set_dtype_policy(before)
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="categorical_crossentropy")
    model.fit(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[:, :2], verbose=0)
    return model


@pytest.mark.parametrize(("begun", "resumed"), [("mixed_float16", "float32"), ("float32", "mixed_float16")])
def test_a_training_in_float16_goes_on_in_another_precision(begun: str, resumed: str, tmp_path: Path) -> None:
    first, second = tail(begun), tail(resumed)
    assert bool(optimizer_variables(first.optimizer)[1]) == (begun == "mixed_float16")
    assert save_checkpoint(tmp_path / "c.npz", TrainingState(epoch=3), first)
    checkpoint = load_checkpoint(tmp_path / "c.npz")
    own, _ = optimizer_variables(second.optimizer)
    assign(own, [value + 1 for value in values_of(own)], "optimizer")
    assign(own, checkpoint.optimizer, "optimizer")
    assert checkpoint.state.epoch == 3
    for ours, theirs in zip(own, optimizer_variables(first.optimizer)[0], strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_the_loss_scale_itself_travels_along(tmp_path: Path) -> None:
    first, second = tail("mixed_float16"), tail("mixed_float16")
    scale = first.optimizer.dynamic_scale
    scale.assign(512)
    assert save_checkpoint(tmp_path / "c.npz", TrainingState(), first)
    assign(optimizer_variables(second.optimizer)[1], load_checkpoint(tmp_path / "c.npz").loss_scale, "loss scale")
    assert float(np.asarray(second.optimizer.dynamic_scale)) == 512
