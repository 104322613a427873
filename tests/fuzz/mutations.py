"""Hostile model files: each a pure function of a seed and of the good files that it starts from.

Blind ones (bytes flipped, cut, spliced) mostly fail at the seal; the others keep the file's format, change a field
somewhere in it and seal it again, so that deeper code gets to see them.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tlx.contract import CONTRACT_KEY, DIGEST_KEY
from tlx.errors import ModelFileError
from tlx.runtime.model_file import DIGEST_PLACEHOLDER, seal

if TYPE_CHECKING:
    import onnx

_NUMBERS: Final = (0, 1, -1, 2, 3, 7, 255, 4096, 10**6, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63))
_FLOATS: Final = (0.0, -0.0, 1.0, -1.0, 1e-45, 3e38, float("nan"), float("inf"), float("-inf"))


@functools.cache
def _operators() -> list[str]:
    import onnx

    return sorted({schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain})


@functools.cache
def _attributes() -> list[str]:
    import onnx

    return sorted({name for schema in onnx.defs.get_all_schemas() for name in schema.attributes})


def hostile_file(seed: int, good: Sequence[bytes]) -> bytes:
    """One hostile file.

    Args:
        seed: Which one.
        good: The files to start from.
    """
    chance = random.Random(seed)
    content = chance.choice(good)
    kind = chance.choice((_blind, _fields, _fields, _fields, _fields, _metadata))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        content = kind(content, chance, good)
    if kind is not _blind or chance.random() < 0.8:  # most damage would stop at the seal
        with contextlib.suppress(ModelFileError):
            content = seal(content)
    return content


def _blind(content: bytes, chance: random.Random, good: Sequence[bytes]) -> bytes:
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    end = min(end, start + chance.choice((1, 4, 64, 100_000)))
    other = chance.choice(good)
    cut = chance.randrange(len(other))
    material = (
        bytes(byte ^ 1 << chance.randrange(8) for byte in content[start:end]),
        chance.randbytes(end - start),
        b"",
        content[start:end] * 2,
        other[cut : cut + end - start],
        b"\xff" * (end - start),
    )
    return content[:start] + chance.choice(material) + content[end:] or b"\0"


def _fields(content: bytes, chance: random.Random, good: Sequence[bytes]) -> bytes:
    """Change one field somewhere in the graph, as protobuf sees it."""
    del good
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return content
    change = chance.choice(_CHANGES)
    # A change that protobuf, NumPy or onnx refuse to make is no change: whatever they raise, the next one counts.
    with contextlib.suppress(Exception):
        change(model, chance)
    with contextlib.suppress(ValueError):
        return bytes(model.SerializeToString())
    return content


def _any_message(model: Any, chance: random.Random) -> Any:
    """A message at a random depth."""
    message = chance.choice((model, model.graph, model.graph))
    while True:
        inner = [
            part
            for field, value in message.ListFields()
            if field.message_type is not None
            for part in (value if field.is_repeated else [value])
        ]
        if not inner or chance.random() < 0.2:  # mostly go deeper
            return message
        message = chance.choice(inner)


def _change_a_field(model: onnx.ModelProto, chance: random.Random) -> None:
    message = _any_message(model, chance)
    field = chance.choice(list(message.DESCRIPTOR.fields))
    if chance.random() < 0.2:  # sometimes it's gone
        message.ClearField(field.name)
    elif field.message_type is not None:
        target = getattr(message, field.name)
        (target.add() if field.is_repeated else target.SetInParent())
    else:
        value = _value(field, chance)
        if field.is_repeated and chance.random() < 0.5:  # one of its values, or one more
            values = getattr(message, field.name)
            values[chance.randrange(len(values))] = value
        elif field.is_repeated:
            getattr(message, field.name).extend([value] * chance.choice((1, 3, 1000)))
        else:
            setattr(message, field.name, value)


def _value(field: Any, chance: random.Random) -> Any:
    words = ("", "image", "probabilities", "pixels", "N", "ai.onnx", "com.microsoft", "x" * 1000, *_attributes())
    kinds = {
        field.CPPTYPE_FLOAT: _FLOATS,
        field.CPPTYPE_DOUBLE: _FLOATS,
        field.CPPTYPE_STRING: [word.encode() for word in words] if field.type == field.TYPE_BYTES else words,
    }
    return chance.choice(kinds.get(field.cpp_type, _NUMBERS))


def _change_an_operator(model: onnx.ModelProto, chance: random.Random) -> None:
    node = chance.choice(model.graph.node)
    node.op_type = chance.choice(_operators())


def _add_an_attribute(model: onnx.ModelProto, chance: random.Random) -> None:
    from onnx import helper

    node = chance.choice(model.graph.node)
    name = chance.choice(_attributes())
    del node.attribute[:]
    value = chance.choice(_NUMBERS)
    values: Any = chance.choice((value, [value] * chance.randrange(1, 5), chance.choice(_FLOATS), "SAME_UPPER"))
    node.attribute.append(helper.make_attribute(name, values))


def _rewire(model: onnx.ModelProto, chance: random.Random) -> None:
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    names += [tensor.name for tensor in model.graph.initializer]
    node = chance.choice(model.graph.node)
    ends = chance.choice((node.input, node.output))
    if chance.random() < 0.3:  # some operators take more
        ends.append(chance.choice(names))
    else:
        ends[chance.randrange(len(ends))] = chance.choice(names)


def _insert_an_operator(model: onnx.ModelProto, chance: random.Random) -> None:
    from onnx import helper

    nodes = list(model.graph.node)
    place = chance.randrange(len(nodes))
    names = [tensor.name for tensor in model.graph.initializer] + list(nodes[place].input)
    inputs = [nodes[place].input[0], *(chance.choice(names) for _ in range(chance.randrange(4)))]
    extra = helper.make_node(chance.choice(_operators()), inputs, [f"extra{chance.randrange(1000)}"])
    nodes[place].input[0] = extra.output[0]
    copies = [type(node).FromString(node.SerializeToString()) for node in (*nodes[:place], extra, *nodes[place:])]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _change_a_tensor(model: onnx.ModelProto, chance: random.Random) -> None:
    import numpy as np
    from onnx import numpy_helper

    tensor = chance.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor).copy().reshape(-1)
    numbers = _NUMBERS if array.dtype.kind in "iu" else _FLOATS
    with np.errstate(all="ignore"):
        array[chance.randrange(array.size)] = np.array(chance.choice(numbers)).astype(array.dtype)
    shape = chance.choice((tuple(tensor.dims), (-1,), (1, -1), (-1, 1), (1, 1, 1, -1)))
    tensor.CopyFrom(numpy_helper.from_array(array.reshape(shape), tensor.name))


def _swap_tensors(model: onnx.ModelProto, chance: random.Random) -> None:
    first, second = (chance.choice(model.graph.initializer) for _ in range(2))
    first.name, second.name = second.name, first.name


_CHANGES: Final[tuple[Callable[[Any, random.Random], None], ...]] = (
    _change_a_field,
    _change_a_field,
    _change_an_operator,
    _add_an_attribute,
    _rewire,
    _insert_an_operator,
    _change_a_tensor,
    _swap_tensors,
)


def _metadata(content: bytes, chance: random.Random, good: Sequence[bytes]) -> bytes:
    """Damage the text of the contract, or what stands beside it."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return content
    entries = list(model.metadata_props)
    if not entries:
        return content
    entry = chance.choice([entry for entry in entries if entry.key == CONTRACT_KEY] or entries)
    entry = chance.choice((entry, entry, chance.choice(entries)))
    damaged = _blind(entry.value.encode() or b"0", chance, [part.value.encode() or b"0" for part in entries])
    bombs = ('{"a":' * 5000, "[" * 50_000, "9" * 10_000, '"\\ud800"', "1e999999", entry.value.replace("1", "4096"))
    entry.value = chance.choice((damaged.decode(errors="ignore"), damaged.decode(errors="ignore"), *bombs))
    if chance.random() < 0.8:  # mostly it can be sealed
        for kept in entries:
            if kept.key == DIGEST_KEY:
                kept.value = DIGEST_PLACEHOLDER
    del good
    return bytes(model.SerializeToString())
