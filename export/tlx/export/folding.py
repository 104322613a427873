"""Arithmetic on whole channels, folded into the convolution beside it: fewer passes over the pictures.

A convolution is linear in each of its output channels, so a scale and a shift after it become part of its weights:
batch normalisation, which tf2onnx leaves as a multiplication and an addition behind depthwise convolutions. It's
linear in its input channels, too, so a flip of them before it becomes a flip of its kernel, and a scale before it
(pixels / 255) a scale of its kernel; a shift before it (pixels less a mean) stays, because zeros are padded after it.
And zeros that are padded before it become its own padding. The function stays the same up to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_FLIP: Final = [2, 1, 0]
_CHANNELWISE: Final = frozenset({"Identity", "MaxPool", "AveragePool", "Relu", "Clip"})
_NCHW_AXES: Final = 4


def fold(proto: Any) -> None:
    """Apply all foldings to the graph of an ``onnx.ModelProto``, in place; what becomes unused is left behind."""
    graph = _Graph.of(proto.graph)
    for rewrite in (_fold_flip, _fold_padding, _fold_scale, _fold_scale_before):
        while rewrite(graph):
            pass


@dataclass(frozen=True, slots=True)
class _Graph:
    proto: Any
    constants: dict[str, Any]

    @classmethod
    def of(cls, proto: Any) -> _Graph:
        return cls(proto, {tensor.name: tensor for tensor in proto.initializer})

    def constant(self, name: str) -> npt.NDArray[Any] | None:
        from onnx import numpy_helper

        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def add_constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        while name in self.constants:
            name += "_"
        self.proto.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        self.constants[name] = self.proto.initializer[-1]
        return name

    def only_user(self, name: str) -> Any | None:
        """The one node that takes a result; None if there are several, or it is an output of the graph."""
        users = [node for node in self.proto.node for taken in node.input if taken == name]
        is_output = any(output.name == name for output in self.proto.output)
        return users[0] if len(users) == 1 and not is_output else None

    def producer(self, name: str) -> Any | None:
        return next((node for node in self.proto.node if name in node.output), None)

    def bypass(self, node: Any, source: str) -> None:
        """Take a node out: whoever took its result takes ``source``."""
        for other in self.proto.node:
            for place, name in enumerate(other.input):
                if name == node.output[0]:
                    other.input[place] = source
        self.proto.node.remove(node)


def _fold_flip(graph: _Graph) -> bool:
    """Fold a flip of three channels into the kernel of the convolution that follows."""
    for node in graph.proto.node:
        if node.op_type != "Gather":
            continue
        indices = graph.constant(node.input[1])
        convolution = None
        if indices is not None and indices.tolist() == _FLIP:
            convolution = _next_convolution(graph, node, _attribute(node, "axis", 0) % _NCHW_AXES)
        weights = None if convolution is None else graph.constant(convolution.input[1])
        if convolution is None or weights is None or _attribute(convolution, "group", 1) != 1:
            continue
        convolution.input[1] = graph.add_constant(f"{convolution.input[1]}__flipped", weights[:, _FLIP])
        graph.bypass(node, node.input[0])
        return True
    return False


def _next_convolution(graph: _Graph, node: Any, axis: int) -> Any | None:
    """Follow one path on which the channels on ``axis`` stay apart; the convolution at its end, if they lie on 1."""
    following = graph.only_user(node.output[0])
    while following is not None:
        if following.op_type == "Conv":
            return following if axis == 1 else None
        if following.op_type == "Transpose":
            order = list(_attribute(following, "perm", []))
            if len(order) != _NCHW_AXES:
                return None
            axis = order.index(axis)
        elif following.op_type == "Pad":
            if not _is_zero_padding(graph, following):
                return None
        elif following.op_type not in _CHANNELWISE:
            return None
        following = graph.only_user(following.output[0])
    return None


def _fold_padding(graph: _Graph) -> bool:
    """Fold zeros around the picture into the padding of the convolution or the maximum that follows."""
    for node in graph.proto.node:
        pads = graph.constant(node.input[1]) if node.op_type == "Pad" and _is_zero_padding(graph, node) else None
        if pads is None or pads.size != 2 * _NCHW_AXES or (pads < 0).any():
            continue
        before, after = pads[:_NCHW_AXES], pads[_NCHW_AXES:]
        following = graph.only_user(node.output[0])
        if following is not None and following.op_type == "Transpose":
            order = list(_attribute(following, "perm", range(_NCHW_AXES)))
            before, after = before[order], after[order]
            following = graph.only_user(following.output[0])
        if following is None or before[:2].any() or after[:2].any():
            continue
        if not _pads_zeros(graph, node, following) or _attribute(following, "auto_pad", b"NOTSET") != b"NOTSET":
            continue
        own = np.array(_attribute(following, "pads", [0, 0, 0, 0]))
        _set_attribute(following, "pads", [int(pad) for pad in own + np.concatenate([before[2:], after[2:]])])
        graph.bypass(node, node.input[0])
        return True
    return False


def _pads_zeros(graph: _Graph, node: Any, following: Any) -> bool:
    """Whether ``following`` can pad in place of ``node``; a maximum only where nothing is below zero."""
    if following.op_type != "MaxPool" or len(following.output) > 1:
        return bool(following.op_type == "Conv")
    before = graph.producer(node.input[0])
    pads, kernel = graph.constant(node.input[1]), _attribute(following, "kernel_shape", [])
    # A window of padding alone would have no maximum.
    fits = pads is not None and len(kernel) == 2 and pads.max() < min(kernel)  # noqa: PLR2004 - height and width
    return fits and before is not None and before.op_type == "Relu"


def _is_zero_padding(graph: _Graph, node: Any) -> bool:
    if _attribute(node, "mode", b"constant") != b"constant" or len([name for name in node.input if name]) not in {2, 3}:
        return False
    if len(node.input) < 3 or not node.input[2]:  # noqa: PLR2004 - data, pads, value
        return True
    value = graph.constant(node.input[2])
    return value is not None and not value.any()


def _fold_scale(graph: _Graph) -> bool:
    """Fold a scale and a shift of the channels into the convolution before."""
    for node in graph.proto.node:
        if node.op_type not in {"Mul", "Add", "Sub", "BatchNormalization"} or len(node.output) != 1:
            continue
        convolution = graph.producer(node.input[0])
        if convolution is None or convolution.op_type != "Conv" or graph.only_user(node.input[0]) is None:
            continue
        weights = graph.constant(convolution.input[1])
        bias: Any = np.zeros(1, np.float32)
        if len(convolution.input) > 2:  # noqa: PLR2004 - the bias is the third
            bias = graph.constant(convolution.input[2])
        if weights is None or bias is None:
            continue
        affine = _affine(graph, node, len(weights))
        if affine is None:
            continue
        _fold_into(graph, convolution, (weights, bias), affine)
        # The name stays, as it may be the graph's own output.
        convolution.output[0] = node.output[0]
        graph.proto.node.remove(node)
        return True
    return False


_Numbers = npt.NDArray[np.float64]


def _fold_into(graph: _Graph, convolution: Any, parts: tuple[Any, Any], affine: tuple[_Numbers, _Numbers]) -> None:
    scale, shift = affine
    weights, bias = (part.astype(np.float64) for part in parts)
    scaled = weights * scale.reshape(-1, *[1] * (weights.ndim - 1))
    shifted = np.broadcast_to(bias * scale + shift, len(weights))
    name = convolution.input[1]
    names = [
        graph.add_constant(f"{name}__scaled", scaled.astype(np.float32)),
        graph.add_constant(f"{name}__bias", shifted.astype(np.float32)),
    ]
    del convolution.input[1:]
    convolution.input.extend(names)


def _affine(graph: _Graph, node: Any, channels: int) -> tuple[_Numbers, _Numbers] | None:
    """What a node does to each channel: ``scale * x + shift``; None if it's something else."""
    if node.op_type == "BatchNormalization":
        parts = [graph.constant(name) for name in node.input[1:5]]
        if any(part is None or part.size != channels for part in parts):
            return None
        gamma, beta, mean, variance = (part.astype(np.float64) for part in parts if part is not None)
        scale = gamma / np.sqrt(variance + _attribute(node, "epsilon", 1e-5))
        return scale, beta - mean * scale
    value = graph.constant(node.input[1])
    if value is None or value.dtype != np.float32:
        return None
    shape = (1,) * (_NCHW_AXES - value.ndim) + value.shape
    if len(shape) != _NCHW_AXES or shape[0] != 1 or shape[2:] != (1, 1) or shape[1] not in {1, channels}:
        return None
    numbers = np.broadcast_to(value.reshape(-1), channels).astype(np.float64)
    zeros, ones = np.zeros(channels), np.ones(channels)
    shapes: dict[str, Callable[[], tuple[_Numbers, _Numbers]]] = {
        "Mul": lambda: (numbers, zeros),
        "Add": lambda: (ones, numbers),
        "Sub": lambda: (ones, -numbers),
    }
    return shapes[node.op_type]()


def _fold_scale_before(graph: _Graph) -> bool:
    """Fold one scale for all channels into the kernel of the convolution that follows; shifts between are scaled."""
    for node in graph.proto.node:
        value = graph.constant(node.input[1]) if node.op_type in {"Mul", "Div"} else None
        if value is None or value.size != 1 or value.ndim > _NCHW_AXES or not value.all():
            continue
        scale = float(value.item()) ** (-1 if node.op_type == "Div" else 1)
        shifts, convolution = _scaled_path(graph, node)
        weights = None if convolution is None else graph.constant(convolution.input[1])
        if convolution is None or weights is None or weights.dtype != np.float32:
            continue
        changed = [(convolution, weights * np.float64(scale))]
        changed += [(shift, constant / np.float64(scale)) for shift, constant in shifts]
        if any(np.abs(values).max() > np.finfo(np.float32).max for _, values in changed):
            continue
        for other, values in changed:
            other.input[1] = graph.add_constant(f"{other.input[1]}__scaled", values.astype(np.float32))
        graph.bypass(node, node.input[0])
        return True
    return False


def _scaled_path(graph: _Graph, node: Any) -> tuple[list[tuple[Any, Any]], Any | None]:
    """The shifts by a constant after a scale, with their constants, and the convolution at the end of them, if any."""
    shifts: list[tuple[Any, Any]] = []
    following = graph.only_user(node.output[0])
    while following is not None and following.op_type != "Conv":
        constant = graph.constant(following.input[1]) if following.op_type in {"Add", "Sub"} else None
        if constant is not None:
            shifts.append((following, constant))
        elif following.op_type != "Transpose" and not (
            following.op_type == "Pad" and _is_zero_padding(graph, following)
        ):
            return shifts, None
        following = graph.only_user(following.output[0])
    return shifts, following


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx import helper

    found = [attribute for attribute in node.attribute if attribute.name == name]
    return helper.get_attribute_value(found[0]) if found else default


def _set_attribute(node: Any, name: str, value: Any) -> None:
    from onnx import helper

    kept = [attribute for attribute in node.attribute if attribute.name != name]
    copies = [type(attribute).FromString(attribute.SerializeToString()) for attribute in kept]
    del node.attribute[:]
    node.attribute.extend([*copies, helper.make_attribute(name, value)])
