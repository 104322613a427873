"""Pixels as an int8 network's first layer takes them: as they are, where nothing but a whole number is added.

Normalising by one whole number for all channels (``x - 115``) is what a zero point says. So the picture itself is the
first layer's quantized input, with step 1 and that zero point: exact, and without a Cast, an Add and a QuantizeLinear
over every pixel, which a small network would feel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tlx.export.precision.thresholds import Range

_LAYOUT: Final = frozenset({"Transpose", "Reshape"})
_HIGHEST: Final = 255


@dataclass(frozen=True, slots=True)
class PixelPath:
    """The way from the picture to the first layer.

    Attributes:
        cast: Makes floats of the picture.
        add: Adds the whole number; None if there is none.
        layout: What then only moves pixels around, in its order.
        tensor: What the first layer takes.
        offset: What is added, from -255 to 0.
    """

    cast: Any
    add: Any | None
    layout: tuple[Any, ...]
    tensor: str
    offset: int


def find_pixel_path(graph: Any) -> PixelPath | None:
    """The way of an fp32 graph's ``uint8`` input, or None if more happens on it than adding one whole number."""
    from onnx import TensorProto

    (image,) = graph.input
    cast = _only_user(graph, image.name)
    if image.type.tensor_type.elem_type != TensorProto.UINT8 or cast is None or cast.op_type != "Cast":
        return None
    tensor = cast.output[0]
    add = _only_user(graph, tensor)
    if add is None or add.op_type not in {"Add", "Sub"}:
        add = None
    offset = 0.0 if add is None else _added(graph, add, tensor)
    if offset is None or not (offset.is_integer() and -_HIGHEST <= offset <= 0):
        return None
    tensor = tensor if add is None else add.output[0]
    layout = []
    while (node := _only_user(graph, tensor)) is not None and node.op_type in _LAYOUT:
        layout.append(node)
        tensor = node.output[0]
    if node is None or node.op_type != "Conv":
        return None
    return PixelPath(cast, add, tuple(layout), tensor, int(offset))


def _added(graph: Any, node: Any, tensor: str) -> float | None:
    """The one number that an Add or Sub adds to a tensor; None if it isn't one number that is known."""
    from onnx import numpy_helper

    constants = {constant.name: constant for constant in graph.initializer}
    if node.input[0] != tensor or node.input[1] not in constants:
        return None
    numbers = np.unique(numpy_helper.to_array(constants[node.input[1]]))
    return float(numbers[0]) * (1 if node.op_type == "Add" else -1) if len(numbers) == 1 else None


def exact_ranges(path: PixelPath | None, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """The ranges with that of the first layer's input as it is by its nature, not as some photos show it."""
    if path is None or path.tensor not in ranges:
        return dict(ranges)
    return {**ranges, path.tensor: Range(float(path.offset), float(_HIGHEST + path.offset))}


def take_pixels_as_they_are(proto: Any, path: PixelPath | None) -> None:
    """Rewrite an int8 graph that was quantized with :func:`exact_ranges`, in place.

    It stays as it is where activations are signed: pixels aren't.
    """
    from onnx import numpy_helper

    graph = proto.graph
    rounds = [node for node in graph.node if path and node.op_type == "QuantizeLinear" and node.input[0] == path.tensor]
    if path is None or len(rounds) != 1:
        return
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    step, zero = (constants[name] for name in rounds[0].input[1:])
    if zero.dtype != np.uint8 or (float(step), int(zero)) != (1.0, -path.offset):
        return
    dropped = {path.cast.output[0], rounds[0].output[0]} | ({path.add.output[0]} if path.add is not None else set())
    kept = [node for node in graph.node if node.output[0] not in dropped]
    moved = dict.fromkeys(dropped, graph.input[0].name) | {rounds[0].output[0]: path.tensor}
    if not path.layout:
        moved[rounds[0].output[0]] = graph.input[0].name
    for node in kept:
        for place, name in enumerate(node.input):
            node.input[place] = moved.get(name, name)
    del graph.node[:]
    graph.node.extend(kept)


def _only_user(graph: Any, tensor: str) -> Any | None:
    users = [node for node in graph.node if tensor in node.input]
    return users[0] if len(users) == 1 else None
