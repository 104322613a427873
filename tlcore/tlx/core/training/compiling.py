"""A phase's optimizer, schedule and loss, as Keras takes them."""

from __future__ import annotations

from typing import Any

from tlx.core.recipes.recipe import Phase
from tlx.export.frameworks import import_keras


def compile_tail(tail: Any, phase: Phase, *, steps_per_epoch: int, jit_compile: bool = False) -> None:
    """Give the tail a new optimizer, cross-entropy over one unit or over classes, and accuracy.

    Args:
        tail: The model; which of its layers train must be set already.
        phase: Its numbers.
        steps_per_epoch: Batches in an epoch, which the schedule counts in.
        jit_compile: By XLA.
    """
    keras = import_keras()
    one_unit = tail.output_shape[-1] == 1
    losses, metrics = keras.losses, keras.metrics
    loss = losses.BinaryCrossentropy if one_unit else losses.CategoricalCrossentropy
    accuracy = metrics.BinaryAccuracy if one_unit else metrics.CategoricalAccuracy
    tail.compile(
        optimizer=build_optimizer(phase, steps_per_epoch),
        loss=loss(label_smoothing=phase.label_smoothing),
        metrics=[accuracy(name="accuracy")],
        jit_compile=jit_compile,
    )
    tail.optimizer.build(tail.trainable_variables)


def build_optimizer(phase: Phase, steps_per_epoch: int) -> Any:
    """The optimizer with its schedule and, where the phase asks for it, a moving average of the weights."""
    optimizers = import_keras().optimizers
    kinds = {
        "adam": optimizers.Adam,
        "adamw": optimizers.AdamW,
        "rmsprop": optimizers.RMSprop,
        "sgd": optimizers.SGD,
    }
    options: dict[str, Any] = {"learning_rate": _learning_rate(phase, steps_per_epoch)}
    if phase.optimizer == "adamw":
        options["weight_decay"] = phase.weight_decay
    if phase.optimizer == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    if phase.ema_decay:
        # Keras writes the average over the weights at the end of each fit(); see tlx.core.training.fitting.
        options |= {"use_ema": True, "ema_momentum": phase.ema_decay}
    return kinds[phase.optimizer](**options)


def _learning_rate(phase: Phase, steps_per_epoch: int) -> Any:
    schedules = import_keras().optimizers.schedules
    steps = phase.epochs * steps_per_epoch
    warmup_steps = round(phase.warmup_epochs * steps_per_epoch)
    if phase.schedule == "cosine":
        return schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else phase.learning_rate,
            decay_steps=max(1, steps - warmup_steps),
            warmup_target=phase.learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    if warmup_steps:
        return schedules.PolynomialDecay(
            initial_learning_rate=phase.learning_rate / warmup_steps,
            decay_steps=warmup_steps,
            end_learning_rate=phase.learning_rate,
        )
    return phase.learning_rate
