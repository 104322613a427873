"""The classifier on top of the trunk, and the two put together."""

from __future__ import annotations

from typing import Any

from tlx.core.recipes import Head, Phase
from tlx.export.frameworks import import_keras


def build_head(head: Head, feature_shape: tuple[int, ...], classes: int) -> Any:
    """Build the trainable classifier.

    Args:
        head: Its shape.
        feature_shape: ``(h, w, channels)`` of the trunk's output.
        classes: Number of labels, at least 2.

    Returns:
        A ``keras.Model`` from features to ``[N, 1]`` (sigmoid: probability of the second label) or
        ``[N, classes]`` (softmax).
    """
    keras = import_keras()
    features = keras.Input(feature_shape, name="features")
    pooling = keras.layers.GlobalAveragePooling2D if head.pooling == "average" else keras.layers.Flatten
    hidden = keras.layers.Dense(head.units, activation="relu", name="hidden")(pooling(name="pooling")(features))
    if head.dropout:
        hidden = keras.layers.Dropout(head.dropout, name="dropout")(hidden)
    if classes == 2 and head.binary_sigmoid:  # noqa: PLR2004 - the binary case
        output = keras.layers.Dense(1, activation="sigmoid", name="output")(hidden)
    else:
        output = keras.layers.Dense(classes, activation="softmax", name="output")(hidden)
    return keras.Model(features, output, name="head")


def compile_head(head_model: Any, phase: Phase) -> None:
    """Give the head its optimizer and its loss: cross-entropy over one unit or over classes."""
    keras = import_keras()
    optimizers = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    one_unit = head_model.output_shape[-1] == 1
    head_model.compile(
        optimizer=optimizers[phase.optimizer](learning_rate=phase.learning_rate),
        loss="binary_crossentropy" if one_unit else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def assemble(trunk: Any, head_model: Any) -> Any:
    """Put trunk and head together, flat, sharing their weights.

    Returns:
        A ``keras.Model`` from ``image`` (``uint8 [N, H, W, 3]``, RGB, 0–255) to the head's output.
    """
    keras = import_keras()
    tensor = trunk.output
    for layer in head_model.layers[1:]:
        tensor = layer(tensor)
    return keras.Model(trunk.input, tensor, name="classifier")
