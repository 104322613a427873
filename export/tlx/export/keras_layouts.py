"""How older versions of Keras wrote the same configuration, and what each part became in Keras 3.

Files of Keras 2.0.8 (the book's) differ from those of Keras 3 in this:

- a Sequential's ``config`` is the list of its layers; it became an object with ``name`` and ``layers`` in 2.2.3;
- its first layer carries the input's shape as ``batch_input_shape``; later there is an ``InputLayer``, whose
  ``batch_input_shape`` became ``batch_shape``;
- a functional model's class is ``Model``, became ``Functional``;
- its ``input_layers`` and ``output_layers`` are lists, ``[["input_1", 0, 0]]``, also for a single end; Keras 3
  gives such a model a list as its output, which the layer after it can't take (keras#19670);
- what comes from a model within it is at that model's node 1, because in Keras 2 a model had a node of its own;
- ``axis`` of a batch normalisation may be a list of one; ``LeakyReLU`` calls its slope ``alpha``.

Keras 2.3 to 2.15 have most of this too, and write ``groups`` for depthwise convolutions, which know no groups.
All functions are pure; values that aren't what they should be pass through and are refused later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_ONE_GROUP: Final = frozenset({"DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"})
_INPUT_KEYS: Final = frozenset({"batch_shape", "dtype", "name"})
_END_FIELDS: Final = 3


def model_config(node: Mapping[str, Any]) -> dict[str, Any]:
    """A model's configuration as an object, whatever it was."""
    config = node.get("config")
    if isinstance(config, list):
        return {"layers": config}
    return dict(config) if isinstance(config, Mapping) else {}


def without_list_of_one(ends: Any) -> Any:
    """``[["input_1", 0, 0]]`` becomes ``["input_1", 0, 0]``; several ends stay as they are."""
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        return ends[0]
    return ends


def without_own_nodes(config: dict[str, Any], models: frozenset[str]) -> dict[str, Any]:
    """Count the uses of models within a functional model from 0, as Keras 3 does.

    Args:
        config: A functional model's, rewritten.
        models: The classes of models.
    """
    uses = {
        layer.get("name"): (layer["class_name"], len(layer.get("inbound_nodes", ())))
        for layer in config["layers"]
        if layer["class_name"] in models
    }

    def moved(tensor: Any) -> Any:
        if not (isinstance(tensor, list) and len(tensor) >= _END_FIELDS and isinstance(tensor[1], int)):
            return tensor
        name = tensor[0] if isinstance(tensor[0], str) else None
        return [name, tensor[1] - 1, *tensor[2:]] if name in uses and tensor[1] >= uses[name][1] else tensor

    layers = []
    for layer in config["layers"]:
        calls = [[moved(tensor) for tensor in call] if isinstance(call, list) else call for call in _calls(layer)]
        layers.append({**layer, "inbound_nodes": calls})
    output = config["output_layers"]
    # Keras 3 still counts so for a functional model that is an output, not for a Sequential.
    if is_single(output) and uses.get(output[0], ("", 0))[0] == "Sequential":
        output = moved(output)
    return {**config, "layers": layers, "output_layers": output}


def _calls(layer: Mapping[str, Any]) -> list[Any]:
    calls = layer.get("inbound_nodes", [])
    return calls if isinstance(calls, list) else []


def is_single(ends: Any) -> bool:
    """Whether a functional model has one end on this side."""
    return isinstance(ends, list) and len(ends) == _END_FIELDS and isinstance(ends[0], str)


def with_input_layer(config: dict[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    """Put an ``InputLayer`` before the first layer if that one carries the input's shape.

    Args:
        config: A Sequential's, rewritten.
        first: Its first layer as the file holds it.
    """
    inner = first.get("config")
    shape = inner.get("batch_input_shape") if isinstance(inner, Mapping) else None
    if first.get("class_name") == "InputLayer" or not isinstance(shape, list):
        return config
    dtype = inner.get("dtype") if isinstance(inner, Mapping) else None
    layer = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": shape,
            "dtype": dtype if isinstance(dtype, str) else "float32",
            "name": f"{config['name']}_input",
        },
        "registered_name": None,
    }
    return {**config, "layers": [layer, *config["layers"]]}


def layer_config(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's configuration with the arguments that Keras 3 knows.

    Args:
        name: The layer's class.
        config: As the file holds it.
    """
    kept = dict(config)
    shape = kept.pop("batch_input_shape", None)
    if name == "InputLayer":
        if shape is not None:
            kept["batch_shape"] = shape
        return {key: value for key, value in kept.items() if key in _INPUT_KEYS}
    axis = kept.get("axis")
    if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        kept["axis"] = axis[0]
    if name in _ONE_GROUP and kept.get("groups") == 1:
        del kept["groups"]
    if name == "LeakyReLU" and "alpha" in kept:
        alpha = kept.pop("alpha")
        # Keras 2 wrote a NumPy number as an object.
        kept["negative_slope"] = alpha.get("value") if isinstance(alpha, Mapping) else alpha
    return kept
