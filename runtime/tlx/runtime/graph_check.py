"""What the bytes of a model's graph tell before anything runs it.

- It computes with known operators only: ONNX's own (domains ``""`` and ``ai.onnx``) and those that ONNX
  Runtime's quantization writes into the domain ``com.microsoft``. Other operators of that domain are refused,
  because some of them (``EPContext``) load compiled code from outside the file.
- Nothing in it repeats: loops can run for ever, and no classifier of single pictures needs one.
- No tensor lives in another file, and each holds as many numbers as its shape claims, so that no file is much
  smaller than what it becomes in memory.

What a graph computes at run time can still be large; :mod:`tlx.runtime.engine_memory` bounds that.
"""

from __future__ import annotations

from typing import Final

from tlx.errors import ModelFileError
from tlx.runtime import onnx_wire
from tlx.runtime.onnx_wire import Message, WireError

_ONNX_DOMAINS: Final = frozenset({"", "ai.onnx"})
_LOOPS: Final = frozenset({"Loop", "Scan", "SequenceMap"})
_MICROSOFT_DOMAIN: Final = "com.microsoft"
_MICROSOFT_OPERATORS: Final = frozenset(
    {
        "DequantizeLinear",
        "DynamicQuantizeMatMul",
        "FusedConv",
        "FusedGemm",
        "FusedMatMul",
        "MatMulIntegerToFloat",
        "QGemm",
        "QLinearAdd",
        "QLinearAveragePool",
        "QLinearConcat",
        "QLinearGlobalAveragePool",
        "QLinearLeakyRelu",
        "QLinearMul",
        "QLinearSigmoid",
        "QLinearSoftmax",
        "QuantizeLinear",
    }
)

_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_TENSOR_DIMENSIONS, _TENSOR_TYPE, _TENSOR_RAW_DATA = 1, 2, 9
_TENSOR_TYPED_DATA = frozenset({4, 5, 6, 7, 10, 11})
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14

# By TensorProto.DataType, each line from the first number on: float, uint8, int8, uint16, int16, int32, int64;
# bool, float16, double, uint32, uint64, complex64, complex128, bfloat16; four kinds of float8; uint4, int4,
# float4; float8 without mantissa; uint2, int2; two kinds of float6. Strings have no fixed size.
_BITS: Final = {
    **dict(enumerate((32, 8, 8, 16, 16, 32, 64), start=1)),
    **dict(enumerate((8, 16, 64, 32, 64, 64, 128, 16), start=9)),
    **dict(enumerate((8, 8, 8, 8), start=17)),
    **dict(enumerate((4, 4, 4, 8, 2, 2, 6, 6), start=21)),
}
_FEWEST_BITS: Final = min(_BITS.values())
_MAX_ELEMENTS: Final = 2**40


def check_graph(content: bytes, source: str) -> None:
    """Look at every operator and every tensor of a model file, at any depth.

    Args:
        content: The whole file.
        source: Its name, for errors.

    Raises:
        ModelFileError: If the graph isn't harmless; one line says why.
    """
    try:
        for message in onnx_wire.read_messages(content):
            if message.kind == "TensorProto":
                _check_tensor(content, message, source)
            elif message.kind == "SparseTensorProto":
                raise ModelFileError(
                    f"{source}: holds a sparse tensor, which tlx refuses (a few bytes of it can fill any memory): "
                    "export it with plain weights"
                )
            elif message.kind == "NodeProto":
                _check_node(content, message, source)
    except WireError as error:
        raise ModelFileError(f"{source}: its graph can't be read ({error}): export the model again") from error


def _check_tensor(content: bytes, message: Message, source: str) -> None:
    elements, data_type, raw_bytes, typed_bytes = 1, 0, None, 0
    for part in message.fields:
        if part.number == _TENSOR_EXTERNAL_DATA or (part.number == _TENSOR_DATA_LOCATION and part.value != 0):
            raise ModelFileError(
                f"{source}: keeps weights in another file (external data), which tlx refuses: "
                "export it as one self-contained file"
            )
        if part.number == _TENSOR_DIMENSIONS:
            for size in onnx_wire.read_numbers(content, part):
                elements = min(elements * size, _MAX_ELEMENTS)
        elif part.number == _TENSOR_TYPE and part.wire_type == onnx_wire.VARINT:
            data_type = part.value
        elif part.number == _TENSOR_RAW_DATA and part.wire_type == onnx_wire.BYTES:
            raw_bytes = part.end - part.start
        elif part.number in _TENSOR_TYPED_DATA:
            typed_bytes += part.end - part.start
    if not holds(elements, data_type, raw_bytes, typed_bytes):
        raise ModelFileError(
            f"{source}: a tensor of it claims {elements:,} numbers and holds {raw_bytes or typed_bytes:,} bytes: "
            "export the model again"
        )


def holds(elements: int, data_type: int, raw_bytes: int | None, typed_bytes: int) -> bool:
    """Whether a tensor has the data that its shape claims.

    Args:
        elements: How many numbers the shape claims.
        data_type: As ``TensorProto.DataType`` counts.
        raw_bytes: The length of its raw data; None if it has none.
        typed_bytes: The length of its data in fields for each type, in which a number takes at least a byte, or
            several narrow ones share one.
    """
    if raw_bytes is not None:
        bits = _BITS.get(data_type)
        return bits is not None and raw_bytes == -(-elements * bits // 8)
    return elements <= typed_bytes * 8 // _FEWEST_BITS


def _check_node(content: bytes, message: Message, source: str) -> None:
    names = {_NODE_OPERATOR: "", _NODE_DOMAIN: ""}
    for part in message.fields:
        if part.number in names and part.wire_type == onnx_wire.BYTES:
            names[part.number] = content[part.start : part.end].decode(errors="backslashreplace")
    operator, domain = names[_NODE_OPERATOR], names[_NODE_DOMAIN]
    if domain in _ONNX_DOMAINS and operator in _LOOPS:
        raise ModelFileError(f"{source}: has a loop in it ({operator}), which tlx refuses: export it without")
    if domain in _ONNX_DOMAINS or (domain == _MICROSOFT_DOMAIN and operator in _MICROSOFT_OPERATORS):
        return
    raise ModelFileError(
        f"{source}: uses the operator {operator[:80]!r} of the domain {domain[:80]!r}; tlx runs ONNX's own operators "
        "and those of ONNX Runtime's quantization only: export it without the others"
    )
