"""The weights of an ``.h5`` file, put into a model layer by layer.

The file holds a group for each layer of the model, and in it the names of its weights in order. For a model within
the model there is one group for all its layers together, with those that train first, then the frozen ones: of a
fine-tuned VGG16 block5 comes before block1. Several of its kernels have one shape, so a wrong order would go
unnoticed; Keras relies on the flags of its layers for it. Here the names decide (``block5_conv1/kernel:0``), and
the order only where they don't tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.errors import ModelFileError

# TensorFlow 1 numbered a second layer of the same name in a process: block1_conv1_1/kernel:0.
_NUMBERED: Final = re.compile(r"_\d+$")

Weight = tuple[str, npt.NDArray[Any]]


def load_named_weights(model: Any, group: Any, source: str) -> None:
    """Fill a model.

    Args:
        model: Built from the file's configuration.
        group: The ``h5py.Group`` that holds a group for each layer, checked by :mod:`tlx.export.hdf5_safety`.
        source: The file's name, for errors.

    Raises:
        ModelFileError: If a layer's weights aren't there or don't fit.
    """
    layers = [layer for layer in model.layers if layer.weights]
    names = [
        name
        for name in _texts(group, "layer_names", source)
        if _texts(_child(group, name, source), "weight_names", source)
    ]
    if len(names) != len(layers):
        raise ModelFileError(
            f"{source}: its configuration has {len(layers)} layers with weights, the file holds weights of {len(names)}"
        )
    # A Sequential in the layout of Keras 2.0 doesn't tell the name of a model within it.
    by_name = set(names) == {layer.name for layer in layers}
    for place, layer in enumerate(layers):
        name = layer.name if by_name else names[place]
        _fill(layer, _read(_child(group, name, source), source), source)


def _read(group: Any, source: str) -> list[Weight]:
    return [(name, np.asarray(_child(group, name, source)[()])) for name in _texts(group, "weight_names", source)]


def _fill(layer: Any, weights: Sequence[Weight], source: str) -> None:
    leaves = list(_leaves(layer))
    stems = list(dict.fromkeys(_stem(name) for name, _ in weights))
    matching = _match(stems, [leaf.name for leaf in leaves])
    if len(leaves) > 1 and matching:
        for leaf in leaves:
            _set(
                leaf.weights,
                [value for name, value in weights if _stem(name) == matching[leaf.name]],
                leaf.name,
                source,
            )
        return
    _set([*layer.trainable_weights, *layer.non_trainable_weights], [value for _, value in weights], layer.name, source)


def _leaves(layer: Any) -> Iterator[Any]:
    inner = getattr(layer, "layers", None)
    if inner is None:
        if layer.weights:
            yield layer
        return
    for one in inner:
        yield from _leaves(one)


def _stem(name: str) -> str:
    """``vgg16/block1_conv1/kernel:0`` belongs to ``block1_conv1``."""
    parts = name.split("/")
    return parts[-2] if len(parts) > 1 else ""


def _match(stems: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Which stem each layer's weights have; empty if the names don't tell."""
    if len(set(names)) < len(names) or len(stems) != len(names):
        return {}
    if set(stems) == set(names):
        return {name: name for name in names}
    bare = {_NUMBERED.sub("", stem): stem for stem in stems}
    return bare if set(bare) == set(names) else {}


def _set(variables: Sequence[Any], values: Sequence[npt.NDArray[Any]], name: str, source: str) -> None:
    if len(values) != len(variables):
        raise ModelFileError(f"{source}: layer {name!r} has {len(variables)} weights, the file holds {len(values)}")
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise ModelFileError(
                f"{source}: layer {name!r}: its {variable.name} has the shape {list(variable.shape)}, "
                f"the file holds {list(value.shape)}"
            )
        variable.assign(value)


def _texts(group: Any, name: str, source: str) -> list[str]:
    """A list of names; long ones are split over several attributes."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    if not parts:
        raise ModelFileError(f"{source}: its weights have no {name}: copy or save it again")
    return [text.decode() if isinstance(text, bytes) else str(text) for part in parts for text in part]


def _child(group: Any, name: str, source: str) -> Any:
    if name not in group:
        raise ModelFileError(f"{source}: holds no weights under {name[:80]!r}: copy or save it again")
    return group[name]
