"""Model files as Keras 2.0.8 wrote them, of today's models: the book's readers have such files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Keras2Writer(Protocol):
    """Writes a Keras model as Keras 2.0.8 did; see :func:`write_keras_2_file`."""

    def __call__(self, model: Any, path: Path, *, suffix: str = ...) -> Path: ...


def write_keras_2_file(model: Any, path: Path, *, suffix: str = "") -> Path:
    """Write a Sequential, or a functional model, in the layout of Keras 2.0.8, with a compiled model's leftovers.

    ``suffix`` is what TensorFlow 1 added to the names of a second network's weights: ``_1``.
    """
    import h5py

    sequential = model.__class__.__name__ == "Sequential"
    layers = _keras_2_layers(model) if sequential else _keras_2_functional(model)
    config = {"class_name": "Sequential" if sequential else "Model", "config": layers}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.0.8"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        optimizer = {"class_name": "RMSprop", "config": {"lr": 1e-5, "rho": 0.9, "decay": 0.0, "epsilon": 1e-8}}
        training = {"optimizer_config": optimizer, "loss": "binary_crossentropy", "metrics": ["acc"]}
        file.attrs["training_config"] = json.dumps(training).encode()
        file.create_dataset("optimizer_weights/training/RMSprop/Variable:0", data=np.ones((3, 3), np.float32))
        file["optimizer_weights"].attrs["weight_names"] = [b"training/RMSprop/Variable:0"]
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", b"2.0.8"
        for layer in model.layers:
            leaves = layer.layers if hasattr(layer, "layers") else [layer]
            weights = [(leaf, weight) for leaf in leaves for weight in leaf.trainable_weights]
            weights += [(leaf, weight) for leaf in leaves for weight in leaf.non_trainable_weights]
            names = [f"{leaf.name}{suffix}/{weight.name}:0".encode() for leaf, weight in weights]
            group.create_group(layer.name).attrs["weight_names"] = names
            for name, (_, weight) in zip(names, weights, strict=True):
                group[layer.name].create_dataset(name, data=np.asarray(weight))
    return path


def _keras_2_layers(model: Any) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = []
    for place, layer in enumerate(model.layers):
        if hasattr(layer, "layers"):
            layers.append({"class_name": "Model", "config": _keras_2_functional(layer)})
            continue
        layers.append({"class_name": layer.__class__.__name__, "config": _keras_2_layer(layer)})
        if place == 0:
            layers[0]["config"] |= {"batch_input_shape": list(model.input_shape), "dtype": "float32"}
    return layers


def _keras_2_functional(model: Any) -> dict[str, Any]:
    """A chain of layers; what comes from a model within it is at that model's node 1, as 0 is its own."""
    layers: list[dict[str, Any]] = []
    for layer in model.layers:
        nested = hasattr(layer, "layers")
        described = {"name": layer.name, "class_name": "Model" if nested else layer.__class__.__name__}
        described["config"] = _keras_2_functional(layer) if nested else _keras_2_layer(layer)
        before = layers[-1] if layers else None
        node = [[before["name"], int(before["class_name"] == "Model"), 0, {}]] if before else None
        layers.append({**described, "inbound_nodes": [node] if node else []})
    ends = ([[layers[0]["name"], 0, 0]], [[layers[-1]["name"], 0, 0]])
    return {"name": model.name, "layers": layers, "input_layers": ends[0], "output_layers": ends[1]}


def _keras_2_layer(layer: Any) -> dict[str, Any]:
    config = layer.get_config()
    if "batch_shape" in config:
        shape = list(config["batch_shape"])
        return {"batch_input_shape": shape, "dtype": "float32", "sparse": False, "name": layer.name}
    for key in ("dtype", "groups", "seed", "noise_shape", "quantization_config", "renorm", "synchronized"):
        config.pop(key, None)
    spread = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    for key in config:
        if key == "kernel_initializer":
            config[key] = {"class_name": "VarianceScaling", "config": spread}
        elif key == "bias_initializer":
            config[key] = {"class_name": "Zeros", "config": {}}
        elif key == "kernel_regularizer":
            config[key] = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 1e-4}}
    if layer.__class__.__name__ == "Flatten":
        del config["data_format"]
    return dict(config)
