from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.contract import CONTRACT_KEY, DIGEST_KEY
from tlx.errors import ModelFileError
from tlx.runtime.model_file import DIGEST_PLACEHOLDER, LABELS_KEY, MAX_MODEL_BYTES, ModelFile, seal

if TYPE_CHECKING:
    import onnx
    from tests.tiny_models import ModelMaker


def set_metadata(model: onnx.ModelProto, key: str, value: str) -> None:
    entry = next(entry for entry in model.metadata_props if entry.key == key)
    entry.value = value


def drop_metadata(model: onnx.ModelProto, *keys: str) -> None:
    kept = [(entry.key, entry.value) for entry in model.metadata_props if entry.key not in keys]
    del model.metadata_props[:]
    for key, value in kept:
        model.metadata_props.add(key=key, value=value)


def repeat_a_key(model: onnx.ModelProto) -> None:
    """Nested, in a part that this version doesn't know: any reader may look at it."""
    text = next(entry.value for entry in model.metadata_props if entry.key == CONTRACT_KEY)
    set_metadata(model, CONTRACT_KEY, text[:-1] + ', "later": [{"threshold": 0.1, "threshold": 0.9}]}')


def pad_the_contract(model: onnx.ModelProto) -> None:
    text = next(entry.value for entry in model.metadata_props if entry.key == CONTRACT_KEY)
    set_metadata(model, CONTRACT_KEY, text + " " * 5_000_000)


def huge_number(model: onnx.ModelProto) -> None:
    text = next(entry.value for entry in model.metadata_props if entry.key == CONTRACT_KEY)
    set_metadata(model, CONTRACT_KEY, text[:-1] + f', "later": {"9" * 5000}}}')


def test_read_gives_contract_and_digest_when_the_file_is_whole(tiny_model: Path) -> None:
    file = ModelFile.read(tiny_model)
    assert file.contract.labels == ["red", "green", "blue"]
    assert file.content == tiny_model.read_bytes()
    assert file.metadata[DIGEST_KEY] == file.sha256
    zeroed = file.content.replace(file.sha256.encode(), DIGEST_PLACEHOLDER.encode())
    assert file.sha256 == hashlib.sha256(zeroed).hexdigest()


def test_seal_changes_the_digest_only_and_can_be_repeated(make_model: ModelMaker) -> None:
    unsealed = make_model(sealed=False)
    sealed = seal(unsealed)
    assert len(sealed) == len(unsealed)
    assert sum(a != b for a, b in zip(sealed, unsealed, strict=True)) <= 64
    assert seal(sealed) == sealed


def test_a_sealed_model_is_still_valid_onnx(tiny_model: Path) -> None:
    import onnx

    model = onnx.load(tiny_model)
    onnx.checker.check_model(model)
    assert {entry.key for entry in model.metadata_props} == {CONTRACT_KEY, LABELS_KEY, DIGEST_KEY}


@pytest.mark.parametrize(
    "metadata_change",
    [
        lambda model: drop_metadata(model, DIGEST_KEY),
        lambda model: set_metadata(model, DIGEST_KEY, "0" * 63),
    ],
)
def test_seal_refuses_a_model_without_room_for_the_digest(
    make_model: ModelMaker, metadata_change: Callable[[onnx.ModelProto], None]
) -> None:
    with pytest.raises(ModelFileError, match=r"needs tlx\.digest with 64 zeros"):
        seal(make_model(change=metadata_change, sealed=False))


def test_every_single_damaged_byte_is_noticed(make_model: ModelMaker) -> None:
    content = make_model()
    for position in range(len(content)):
        for flipped in (content[position] ^ 0x01, content[position] ^ 0xFF):
            damaged = content[:position] + bytes([flipped]) + content[position + 1 :]
            with pytest.raises(ModelFileError):
                ModelFile.parse(damaged, "model.onnx")


def test_every_truncation_is_noticed(make_model: ModelMaker) -> None:
    content = make_model()
    for length in range(len(content)):
        with pytest.raises(ModelFileError):
            ModelFile.parse(content[:length], "model.onnx")


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["overwrite", "insert", "delete", "repeat"]),
        st.integers(0, 2000),
        st.integers(1, 60),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def mutate(content: bytes, mutations: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, position, length, material in mutations:
        at = position % (len(content) + 1)
        head, middle, tail = content[:at], content[at : at + length], content[at + length :]
        if kind == "overwrite":
            content = head + material + content[at + len(material) :]
        elif kind == "insert":
            content = head + material + middle + tail
        elif kind == "delete":
            content = head + tail
        else:
            content = head + middle + middle + tail
    return content


@settings(max_examples=600, deadline=None)
@given(mutations=MUTATIONS)
def test_random_damage_is_an_error_and_never_another_exception(
    make_model: ModelMaker, mutations: list[tuple[str, int, int, bytes]]
) -> None:
    content = make_model()
    damaged = mutate(content, mutations)
    if damaged == content:
        assert ModelFile.parse(damaged, "model.onnx").content == content
    else:
        with pytest.raises(ModelFileError):
            ModelFile.parse(damaged, "model.onnx")


@settings(max_examples=600, deadline=None)
@given(mutations=MUTATIONS)
def test_hostile_files_with_a_right_seal_give_a_checked_file_or_an_error(
    make_model: ModelMaker, mutations: list[tuple[str, int, int, bytes]]
) -> None:
    with contextlib.suppress(ModelFileError):
        resealed = seal(mutate(make_model(), mutations))
        assert ModelFile.parse(resealed, "model.onnx").content == resealed


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ModelFileError):
        ModelFile.parse(content, "model.onnx")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: drop_metadata(model, DIGEST_KEY, CONTRACT_KEY, LABELS_KEY), "holds no tlx contract"),
        (lambda model: drop_metadata(model, DIGEST_KEY), r"carries no tlx\.digest"),
        (lambda model: set_metadata(model, DIGEST_KEY, "0" * 64), "damaged or changed"),
        (lambda model: model.metadata_props.add(key="labels", value="[]"), "'labels' comes twice"),
    ],
)
def test_parse_tells_what_is_wrong_with_unsealed_metadata(
    make_model: ModelMaker, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    with pytest.raises(ModelFileError, match=f"^model.onnx: .*{reason}"):
        ModelFile.parse(make_model(change=change, sealed=False), "model.onnx")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: drop_metadata(model, CONTRACT_KEY), r"holds no tlx\.contract"),
        (lambda model: drop_metadata(model, LABELS_KEY), "must be the contract's 3 labels"),
        (lambda model: set_metadata(model, LABELS_KEY, '["red", "blue", "green"]'), "must be the contract's 3 labels"),
        (lambda model: set_metadata(model, LABELS_KEY, "[" * 100_000), "must be the contract's 3 labels"),
        (lambda model: set_metadata(model, CONTRACT_KEY, "{}"), "not one that this version of tlx understands"),
        (lambda model: set_metadata(model, CONTRACT_KEY, '{"schema": 2}'), "update tlx"),
        (lambda model: set_metadata(model, CONTRACT_KEY, "[" * 100_000), "not one that this version"),
        (lambda model: model.metadata_props.add(key=LABELS_KEY, value="[]"), "the metadata key 'labels' comes twice"),
        (repeat_a_key, r"\(document: the key 'threshold' comes twice\)"),
        (pad_the_contract, "5,000,[0-9]+ bytes of metadata, of which tlx reads at most 4,194,304"),
        (huge_number, "not one that this version of tlx understands"),
    ],
)
def test_parse_tells_what_is_wrong_with_sealed_metadata(
    make_model: ModelMaker, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    with pytest.raises(ModelFileError, match=f"^(model.onnx|the model to seal): .*{reason}"):
        ModelFile.parse(make_model(change=change), "model.onnx")


def test_parse_refuses_metadata_that_is_not_text(make_model: ModelMaker) -> None:
    content = make_model(sealed=False).replace(b'"red"', b'"\xff\xfe\xfd"', 1)
    with pytest.raises(ModelFileError, match="is not text"):
        ModelFile.parse(seal(content), "model.onnx")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello, this is a text file\n" * 100, "a text file"),
        ("ein Text mit Umlauten: äöü\n".encode() * 100, "a text file"),
        (b"x" + "ü".encode() * 600, "a text file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras or HDF5"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(100), "TensorFlow Lite"),
        (b"\x1c\x00\x00\x00ORTM" + bytes(100), "ONNX Runtime's own"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "isn't an ONNX file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "isn't an ONNX file"),
        (bytes(1000), "isn't an ONNX file"),
        (b"\x08\x08", "cut short or damaged"),
    ],
)
def test_parse_names_other_files_by_what_they_are(content: bytes, reason: str) -> None:
    with pytest.raises(ModelFileError, match=f"^thing.onnx: .*{reason}"):
        ModelFile.parse(content, "thing.onnx")


def test_parse_names_a_keras_file(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({}))
    with pytest.raises(ModelFileError, match="a Keras or zip file"):
        ModelFile.read(path)


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x28\x01" * 300_000,  # versions of the model, one after the other
        b"\x72\xc0\xcf\x24" + b"\x28\x01" * 300_000,  # the same inside a metadata entry
        b"\x72\x00" * 300_000,  # empty metadata entries
    ],
)
def test_parse_stops_early_at_a_file_of_many_tiny_parts(make_model: ModelMaker, bomb: bytes) -> None:
    with pytest.raises(ModelFileError, match="more than 250,000 parts"):
        ModelFile.parse(make_model(sealed=False) + bomb, "model.onnx")


def test_truncated_file_is_called_cut_short(make_model: ModelMaker) -> None:
    content = make_model()
    with pytest.raises(ModelFileError, match="cut short or damaged"):
        ModelFile.parse(content[: len(content) // 2], "model.onnx")


def a_missing_file(folder: Path) -> Path:
    return folder / "absent.onnx"


def a_folder(folder: Path) -> Path:
    return folder


def a_named_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.onnx")
    return folder / "pipe.onnx"


def a_huge_file(folder: Path) -> Path:
    path = folder / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_MODEL_BYTES + 1)  # sparse: takes no space
    return path


def an_impossible_name(folder: Path) -> Path:
    return folder / ("x" * 300)


@pytest.mark.parametrize(
    ("make_path", "reason"),
    [
        (a_missing_file, "no such model file"),
        (a_folder, "is a folder"),
        (a_named_pipe, "not a regular file"),
        (a_huge_file, "more than an ONNX file can have"),
        (an_impossible_name, "can't be read"),
    ],
)
def test_read_refuses_what_is_no_readable_file(tmp_path: Path, make_path: Callable[[Path], Path], reason: str) -> None:
    path = make_path(tmp_path)
    with pytest.raises(ModelFileError, match=reason):
        ModelFile.read(path)
