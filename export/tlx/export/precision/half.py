"""From an fp32 graph to one that computes in 16 bits, for GPUs.

Everything between the first and the last layer with weights is fp16; pixels are prepared and probabilities made in
fp32, and the graph's input and output stay what they were.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tlx.errors import InputError
from tlx.export.precision.parts import name_nodes, split

MAX_FP16: Final = float(np.finfo(np.float16).max)
_FLOAT32_INPUTS: Final = {"Resize": (1, 2)}
"""By operator: the places of inputs that ONNX wants in fp32 (or that cost nothing in it)."""


def to_fp16(proto: Any) -> Any:
    """Convert a network.

    Args:
        proto: An fp32 ``onnx.ModelProto``; stays as it is.

    Returns:
        A checked ``onnx.ModelProto`` with the same input and output, opset and IR version.

    Raises:
        InputError: If a weight is larger than fp16 can hold.
    """
    import onnx

    result = type(proto)()
    result.CopyFrom(proto)
    name_nodes(result.graph)
    types = {
        info.name: info.type.tensor_type.elem_type
        for graph in [onnx.shape_inference.infer_shapes(result).graph]
        for info in (*graph.value_info, *graph.input, *graph.output)
    }
    floats = {name for name, kind in types.items() if kind == onnx.TensorProto.FLOAT}
    nodes = _convert_nodes(result.graph, floats - {tensor.name for tensor in result.graph.initializer})
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    _convert_weights(result.graph)
    del result.graph.value_info[:]
    onnx.checker.check_model(result, full_check=True)
    return result


def _convert_nodes(graph: Any, floats: set[str]) -> list[Any]:
    """The nodes anew: those of the body on fp16 tensors, with casts where they meet the others."""
    from onnx import TensorProto

    body = set(split(graph).body)
    weights = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    made_in_body = {name for node in graph.node if node.name in body for name in node.output if name in floats}
    used_outside = {name for node in graph.node if node.name not in body for name in node.input}
    used_outside |= {output.name for output in graph.output}
    cast: set[str] = set()
    nodes: list[Any] = []
    for node in graph.node:
        copy = type(node)()
        copy.CopyFrom(node)
        nodes.append(copy)
        if node.name not in body:
            continue
        for place, name in enumerate(node.input):
            if place in _FLOAT32_INPUTS.get(node.op_type, ()) or name not in floats | weights:
                continue
            copy.input[place] = _half(name)
            if name not in made_in_body | weights | cast:
                nodes.insert(-1, _cast(name, _half(name), "FLOAT16"))
                cast.add(name)
        for place, name in enumerate(node.output):
            if name in made_in_body:
                copy.output[place] = _half(name)
                if name in used_outside:
                    nodes.append(_cast(_half(name), name, "FLOAT"))
        _retarget_cast(copy)
    return nodes


def _half(name: str) -> str:
    return f"{name}__fp16"


def _cast(source: str, target: str, kind: str) -> Any:
    from onnx import TensorProto, helper

    return helper.make_node("Cast", [source], [target], name=f"{target}__cast", to=TensorProto.DataType.Value(kind))


def _retarget_cast(node: Any) -> None:
    """A cast to fp32 amid the body becomes one to fp16."""
    from onnx import TensorProto

    if node.op_type == "Cast" and node.attribute[0].i == TensorProto.FLOAT:
        node.attribute[0].i = TensorProto.FLOAT16


def _convert_weights(graph: Any) -> None:
    """Give each weight the type in which it's used, both if need be."""
    from onnx import numpy_helper

    used = {name for node in graph.node for name in node.input}
    weights = list(graph.initializer)
    del graph.initializer[:]
    for tensor in weights:
        half = _half(tensor.name)
        if tensor.name in used or half not in used:
            graph.initializer.append(tensor)
        if half not in used:
            continue
        values = numpy_helper.to_array(tensor)
        largest = float(np.abs(values).max(initial=0))
        if largest > MAX_FP16:
            raise InputError(
                f"the weight {tensor.name} has the value {largest:.3g}, and fp16 ends at {MAX_FP16:g}: "
                "use --precision fp32 or int8"
            )
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), half))
