"""A reader of the ONNX file format (protobuf's wire format) that needs no onnx package.

It looks at structure only: which message lies where in the bytes. Payloads are never copied, and hostile
bytes cost bounded time and memory: lengths are checked against the message around them, nesting and the
number of parts are limited. It is stricter than protobuf where protobuf is lenient (groups, overlong
numbers), so that nothing is read here in one way and by ONNX Runtime in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

MAX_PARTS: Final = 250_000
"""Fields in one file. VGG16 has about two thousand; hundreds of thousands take seconds to read and mean mischief."""
MAX_DEPTH: Final = 100
"""Messages inside messages; protobuf's own limit."""

_VARINT_BYTES: Final = 10
_MAX_TAG: Final = 2**32 - 1

CHILDREN: Final[dict[str, dict[int, str]]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "TensorProto": {},
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
}
"""The message types that lead to operators or tensors, by the field number that holds them (onnx.proto)."""


class WireError(ValueError):
    """The bytes aren't what the format allows; ``str()`` says where and why."""


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: Which field it is, as onnx.proto counts.
        wire_type: How it's stored: :data:`VARINT`, :data:`FIXED64`, :data:`BYTES` or :data:`FIXED32`.
        value: The number of a varint; 0 for the other types.
        start: Where its payload begins in the file, in bytes.
        end: Where its payload ends.
    """

    number: int
    wire_type: int
    value: int
    start: int
    end: int


class Message(NamedTuple):
    """One message: its type's name in onnx.proto and its fields in order."""

    kind: str
    fields: list[Field]


class Budget:
    """How many fields of one file may still be read."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def spend(self, fields: Iterator[Field]) -> Iterator[Field]:
        """The same fields, counted.

        Raises:
            WireError: If that were more than :data:`MAX_PARTS` for this budget in all.
        """
        for field in fields:
            self._left -= 1
            if self._left < 0:
                raise WireError(f"it has more than {MAX_PARTS:,} parts")
            yield field


def read_fields(content: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields between two offsets.

    Raises:
        WireError: Where the bytes stop making sense.
    """
    position = start
    while position < end:
        tag, after_tag = _read_varint(content, position, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag > _MAX_TAG:
            raise WireError(f"byte {position} begins no field")
        value = 0
        payload, position = after_tag, after_tag
        if wire_type == VARINT:
            value, position = _read_varint(content, payload, end)
        elif wire_type == BYTES:
            length, payload = _read_varint(content, payload, end)
            position = payload + length
        elif wire_type == FIXED32:
            position = payload + 4
        elif wire_type == FIXED64:
            position = payload + 8
        else:
            raise WireError(f"byte {after_tag - 1} holds a field of a kind that ONNX doesn't use")
        if position > end:
            raise WireError(f"the part at byte {payload} needs {position - payload} bytes, {end - payload} are there")
        yield Field(number, wire_type, value, payload, position)


def read_messages(content: bytes) -> Iterator[Message]:
    """All messages of a model file that lead to operators or tensors, the whole file first.

    Raises:
        WireError: If the bytes are no such file, or exceed :data:`MAX_PARTS` or :data:`MAX_DEPTH`.
    """
    budget = Budget()
    waiting = [("ModelProto", 0, len(content), 1)]
    while waiting:
        kind, start, end, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise WireError(f"graphs are nested more than {MAX_DEPTH} deep")
        fields = list(budget.spend(read_fields(content, start, end)))
        yield Message(kind, fields)
        children = CHILDREN[kind]
        waiting.extend(
            (children[field.number], field.start, field.end, depth + 1)
            for field in fields
            if field.number in children and field.wire_type == BYTES
        )


def read_numbers(content: bytes, field: Field) -> Iterator[int]:
    """The numbers in a field of varints, which may hold one or, packed, several; negative ones as 2^64 - n.

    Raises:
        WireError: If it holds something else.
    """
    if field.wire_type == VARINT:
        yield field.value
    elif field.wire_type == BYTES:
        position = field.start
        while position < field.end:
            value, position = _read_varint(content, position, field.end)
            yield value
    else:
        raise WireError(f"the part at byte {field.start} must hold whole numbers")


def _read_varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    """A number of up to 64 bits in groups of seven, and the offset behind it."""
    value = 0
    for index in range(_VARINT_BYTES):
        if position + index >= end:
            raise WireError(f"it ends inside the number at byte {position}")
        byte = content[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the format's continuation bit
            if value >= 2**64:
                break
            return value, position + index + 1
    raise WireError(f"the number at byte {position} is longer than 64 bits")
