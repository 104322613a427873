"""The network in two parts: the trunk that never trains, and the tail whose upper layers do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tlx.core.backbone import build_trunk
from tlx.core.recipes.layers import CONVOLUTIONS, LAST_LAYER, PIXELS
from tlx.core.recipes.recipe import Head, Phase, Recipe
from tlx.core.weights.chain import PretrainedWeights
from tlx.export.frameworks import import_keras, prediction_jit

HEAD_LAYERS: Final = ("hidden", "output")
"""Those of the head that have weights."""


@dataclass(frozen=True, slots=True)
class Network:
    """Keras models over one set of layers.

    Attributes:
        trunk: From ``image`` (``uint8 [N, H, W, 3]``, RGB) to the features at the recipe's cut; ``None`` if
            everything trains, so that the features are the pixels. On several devices it's no Keras model, and has
            ``predict_on_batch`` and ``output_shape`` only.
        tail: From features to ``[N, 1]`` (sigmoid: probability of the second label) or ``[N, classes]`` (softmax).
        classifier: The two put together.
    """

    trunk: Any | None
    tail: Any
    classifier: Any


def build_network(weights: PretrainedWeights, recipe: Recipe, classes: int, dtype: str = "float32") -> Network:
    """Build the network that a recipe trains.

    Args:
        weights: The convolutions to start from.
        recipe: Its size, preprocessing, head and cut.
        classes: Number of labels, at least 2.
        dtype: Keras's dtype policy; the output is ``float32`` under each.
    """
    keras = import_keras()
    with _dtype_policy(dtype):
        base = build_trunk(weights, recipe.size_hw, recipe.preprocessing)
        head = _head_layers(recipe.head, classes)
        cut = recipe.cut_layer
        names = [layer.name for layer in base.layers]
        above = base.layers[names.index(cut) + 1 :]
        features = base.inputs[0] if cut == PIXELS else base.get_layer(cut).output
        trunk = None
        if cut != PIXELS:
            trunk = base if cut == LAST_LAYER else keras.Model(base.input, features, name="trunk")
            trunk.compile(jit_compile=prediction_jit())
        taken = keras.Input(tuple(features.shape[1:]), dtype=features.dtype, name="features")
        return Network(
            trunk=trunk,
            tail=keras.Model(taken, _chain(taken, [*above, *head]), name="tail"),
            classifier=keras.Model(base.input, _chain(base.output, head), name="classifier"),
        )


def set_trainable(network: Network, phase: Phase) -> None:
    """Freeze what the phase doesn't train; a model compiled before must be compiled again."""
    first = CONVOLUTIONS.index(phase.unfreeze_from) if phase.unfreeze_from else len(CONVOLUTIONS)
    for layer in network.classifier.layers:
        if layer.name in CONVOLUTIONS:
            layer.trainable = CONVOLUTIONS.index(layer.name) >= first


def head_weights(classifier: Any) -> dict[str, list[Any]]:
    """The head's weights by layer."""
    return {layer.name: layer.get_weights() for layer in classifier.layers if layer.name in HEAD_LAYERS}


def set_head_weights(classifier: Any, weights: dict[str, list[Any]]) -> None:
    """Put back what :func:`head_weights` took from a network of the same shape."""
    for name, values in weights.items():
        classifier.get_layer(name).set_weights(values)


def _head_layers(head: Head, classes: int) -> list[Any]:
    layers = import_keras().layers
    pooling = layers.GlobalAveragePooling2D if head.pooling == "average" else layers.Flatten
    chain = [pooling(name="pooling")]
    if head.units:
        chain.append(layers.Dense(head.units, activation="relu", name="hidden"))
    if head.dropout:
        chain.append(layers.Dropout(head.dropout, name="dropout"))
    if classes == 2 and head.binary_sigmoid:  # noqa: PLR2004 - the binary case
        return [*chain, layers.Dense(1, activation="sigmoid", name="output", dtype="float32")]
    return [*chain, layers.Dense(classes, activation="softmax", name="output", dtype="float32")]


def _chain(tensor: Any, layers: list[Any]) -> Any:
    for layer in layers:
        tensor = layer(tensor)
    return tensor


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    config = import_keras().config
    before = config.dtype_policy()
    config.set_dtype_policy(name)
    try:
        yield
    finally:
        config.set_dtype_policy(before)
