"""Small rewrites that leave nothing on the hot path that the network doesn't need.

Each keeps the function as it is: multiplying by one, adding zero and reshaping to the shape that is there go, what a
convolution can do itself goes into its weights (:mod:`tlx.export.folding`), a flatten whose target shape was computed
at run time gets a constant one, and what nothing uses any more is removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tlx.export.folding import fold

_NEUTRAL = {"Mul": 1.0, "Div": 1.0, "Add": 0.0, "Sub": 0.0}


def simplify(proto: Any) -> None:
    """Apply all rewrites to the graph of an ``onnx.ModelProto``, in place."""
    _drop_neutral_arithmetic(proto.graph)
    _drop_idle_reshapes(proto)
    fold(proto)
    _fix_flatten_shapes(proto)
    _drop_unused(proto.graph)


def _drop_neutral_arithmetic(graph: Any) -> None:
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}

    def is_neutral(node: Any) -> bool:
        neutral = _NEUTRAL.get(node.op_type)
        if neutral is None or node.input[1] not in constants:
            return False
        value = numpy_helper.to_array(constants[node.input[1]])
        # One element can't broadcast the other side to a larger shape.
        return value.size == 1 and float(value.reshape(-1)[0]) == neutral

    _bypass(graph, is_neutral)


def _drop_idle_reshapes(proto: Any) -> None:
    """Drop each ``Reshape`` to the shape that its input has.

    tf2onnx 1.17 makes them of transpositions around squeezing and exciting, one more or fewer as Python's order of
    strings in a set, which is another in each process, goes.
    """
    from onnx import numpy_helper, shape_inference

    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    known = shape_inference.infer_shapes(proto).graph.value_info
    shapes = {info.name: info.type.tensor_type.shape.dim for info in known if info.type.tensor_type.HasField("shape")}

    def is_idle(node: Any) -> bool:
        if node.op_type != "Reshape" or node.input[1] not in constants or node.input[0] not in shapes:
            return False
        source = [dimension.dim_value for dimension in shapes[node.input[0]]]
        target = numpy_helper.to_array(constants[node.input[1]]).tolist()
        if len(target) != len(source) or 0 in target:
            return False
        # One axis that isn't known follows from the others.
        differing = [there for there, here in zip(target, source, strict=True) if there != here]
        return differing in ([], [-1])

    _bypass(proto.graph, is_idle)


def _bypass(graph: Any, is_idle: Callable[[Any], bool]) -> None:
    """Let what takes the output of such a node take its first input."""
    outputs = {output.name for output in graph.output}
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
        if node.output[0] not in outputs and is_idle(node):
            renamed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    _replace_nodes(graph, kept)


def _fix_flatten_shapes(proto: Any) -> None:
    """Give each ``Reshape`` to ``[N, constant]`` a constant target; only the batch axis was dynamic."""
    import onnx
    from onnx import numpy_helper

    graph = proto.graph
    constants = {tensor.name for tensor in graph.initializer}
    known = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph.value_info
    shapes = {info.name: info.type.tensor_type.shape.dim for info in known}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] in constants:
            continue
        width = _flat_width(shapes.get(node.input[0]), shapes.get(node.output[0]))
        if width:
            name = f"{node.output[0]}__shape"
            graph.initializer.append(numpy_helper.from_array(np.array([-1, width], np.int64), name))
            node.input[1] = name


def _flat_width(source: Any, target: Any) -> int:
    """The number of columns if a tensor with a free first axis becomes ``[N, columns]``, else 0."""
    if not source or not target or len(target) != 2:  # noqa: PLR2004 - a matrix
        return 0
    if any(dimension.dim_value < 1 for dimension in source[1:]):
        return 0
    width = int(np.prod([dimension.dim_value for dimension in source[1:]]))
    return width if target[1].dim_value in {0, width} else 0


def _drop_unused(graph: Any) -> None:
    kept = list(graph.node)
    while True:
        uses = Counter(name for node in kept for name in node.input) + Counter(out.name for out in graph.output)
        alive = [node for node in kept if any(uses[name] for name in node.output)]
        if len(alive) == len(kept):
            break
        kept = alive
    _replace_nodes(graph, kept)
    used = {name for node in graph.node for name in node.input}
    initializers = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(initializers)


def _replace_nodes(graph: Any, nodes: list[Any]) -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
