from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tlx.runtime import onnx_wire
from tlx.runtime.onnx_wire import WireError, read_fields, read_messages

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker


def leads_to(descriptor: Any, targets: set[str], seen: frozenset[str] = frozenset()) -> bool:
    """Whether messages of this type can hold, at any depth, one of the targets."""
    if descriptor.name in targets:
        return True
    if descriptor.name in seen:
        return False
    return any(
        leads_to(field.message_type, targets, seen | {descriptor.name})
        for field in descriptor.fields
        if field.message_type is not None
    )


def test_children_name_every_way_to_an_operator_or_a_tensor_in_onnx_proto() -> None:
    from onnx import onnx_ml_pb2 as proto

    expected = {}
    waiting = ["ModelProto"]
    while waiting:
        kind = waiting.pop()
        children = {
            field.number: field.message_type.name
            for field in getattr(proto, kind).DESCRIPTOR.fields
            if field.message_type is not None and leads_to(field.message_type, {"NodeProto", "TensorProto"})
        }
        expected[kind] = children
        waiting.extend(name for name in children.values() if name not in expected)
    assert expected == onnx_wire.CHILDREN


def test_read_messages_finds_the_nodes_and_tensors_of_a_real_model(make_model: ModelMaker) -> None:
    messages = list(read_messages(make_model()))
    kinds = [message.kind for message in messages]
    assert kinds[0] == "ModelProto"
    assert kinds.count("NodeProto") == 4
    assert kinds.count("TensorProto") == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x0a\x05abc", "needs 5 bytes, 3 are there"),
        (b"\x08", "ends inside the number"),
        (b"\x08" + b"\x80" * 10, "longer than 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "longer than 64 bits"),
        (b"\x00\x01", "begins no field"),
        (b"\xf8\xff\xff\xff\x7f\x01", "begins no field"),
        (b"\x0b\x0c", "a kind that ONNX doesn't use"),
        (b"\x0d\x01\x02", "needs 4 bytes, 2 are there"),
        (b"\x09\x01\x02", "needs 8 bytes, 2 are there"),
    ],
)
def test_read_fields_names_the_place_when_bytes_make_no_sense(content: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        list(read_fields(content, 0, len(content)))


def test_read_fields_gives_numbers_and_spans() -> None:
    content = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d\x00\x00\x80\x3f"
    assert [tuple(field) for field in read_fields(content, 0, len(content))] == [
        (1, onnx_wire.VARINT, 150, 1, 3),
        (2, onnx_wire.BYTES, 0, 5, 8),
        (3, onnx_wire.FIXED32, 0, 9, 13),
    ]


def length_prefixed(tag: int, payload: bytes) -> bytes:
    length, prefix = len(payload), bytearray([tag])
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + payload


def test_read_messages_refuses_graphs_nested_too_deep() -> None:
    graph = b""
    for _ in range(60):  # graph -> node -> attribute -> graph: three levels each
        graph = length_prefixed(1 << 3 | 2, length_prefixed(5 << 3 | 2, length_prefixed(6 << 3 | 2, graph)))
    with pytest.raises(WireError, match="nested more than 100 deep"):
        list(read_messages(length_prefixed(7 << 3 | 2, graph)))


def test_read_messages_refuses_too_many_parts() -> None:
    graph = b"\x50\x01" * (onnx_wire.MAX_PARTS + 1)
    with pytest.raises(WireError, match="more than 250,000 parts"):
        list(read_messages(length_prefixed(7 << 3 | 2, graph)))
