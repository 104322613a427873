"""Any change of any byte of a really exported file is noticed when it's loaded."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.full_contract import full_contract

from tlx.contract import InputSpec
from tlx.errors import ModelFileError
from tlx.export.convert import convert
from tlx.export.frameworks import import_keras
from tlx.export.publish import sealed_bytes
from tlx.runtime.model_file import ModelFile
from tlx.runtime.onnx_wire import BYTES, CHILDREN, read_fields


@pytest.fixture(scope="module")
def content() -> bytes:
    """A small convolutional network, by the same way as VGG16's."""
    keras = import_keras()
    image = keras.layers.Input((16, 16, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    features = keras.layers.MaxPooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(pixels))
    answer = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(features))
    model = keras.Model(image, answer)
    contract = full_contract().model_copy(update={"input": InputSpec(size_hw=(16, 16))})
    return sealed_bytes(convert(model, (16, 16)), contract)


def regions(content: bytes) -> list[tuple[str, int, int]]:
    """Every field that the file is made of, down to the weights and the names: what, from, to."""
    found: list[tuple[str, int, int]] = []
    waiting: list[tuple[str, int, int]] = [("ModelProto", 0, len(content))]
    while waiting:
        kind, start, end = waiting.pop()
        children: dict[int, str] = CHILDREN.get(kind, {})
        for field in read_fields(content, start, end):
            found.append((f"{kind}.{field.number}", field.start, field.end))
            if field.number in children and field.wire_type == BYTES:
                waiting.append((children[field.number], field.start, field.end))
    return found


def test_a_flipped_bit_is_noticed_in_every_region(content: bytes) -> None:
    assert ModelFile.parse(content, "m.onnx").contract.labels == ["cats", "dogs"]
    parts = regions(content)
    assert {"ModelProto.1", "ModelProto.7", "ModelProto.14", "GraphProto.1", "TensorProto.9"} <= {
        name for name, _, _ in parts
    }
    chance = random.Random(0)
    for name, start, end in parts:
        # Before the payload stand its tag and its length.
        places = {start - 2, start - 1, start, (start + end) // 2, end - 1} & set(range(len(content)))
        for place in places:
            damaged = bytearray(content)
            damaged[place] ^= 1 << chance.randrange(8)
            with pytest.raises(ModelFileError):
                ModelFile.parse(bytes(damaged), name)


def flip_a_digest_digit(content: bytes, place: int) -> bytes:
    del place
    start = content.index(b"tlx.digest\x12\x40") + 12
    return content[:start] + (b"1" if content[start : start + 1] != b"1" else b"2") + content[start + 1 :]


CHANGES: dict[str, Any] = {
    "insert": lambda content, place: content[:place] + b"\0" + content[place:],
    "delete": lambda content, place: content[:place] + content[place + 1 :],
    "cut": lambda content, place: content[:place],
    "swap two pieces": lambda content, place: content[place:] + content[:place],
    "repeat": lambda content, place: content[:place] + content[place - 8 : place] + content[place:],
    "append": lambda content, place: content + content[:place],
    "digest": flip_a_digest_digit,
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_other_change_is_noticed_too(content: bytes, name: str) -> None:
    for place in range(8, len(content), len(content) // 150):
        changed = CHANGES[name](content, place)
        assert changed != content
        with pytest.raises(ModelFileError):
            ModelFile.parse(changed, "m.onnx")


def test_the_digest_in_capitals_is_another_digest(content: bytes, tmp_path: Path) -> None:
    start = content.index(b"tlx.digest\x12\x40") + 12
    path = tmp_path / "m.onnx"
    path.write_bytes(content[:start] + content[start : start + 64].upper() + content[start + 64 :])
    with pytest.raises(ModelFileError, match="damaged or changed"):
        ModelFile.read(path)
