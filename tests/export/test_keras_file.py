"""Keras files that are traps: refused in one line, before anything is unpacked or built. No Keras needed."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tlx.errors import ModelFileError, TlxError
from tlx.export.hdf5_safety import MAX_OBJECTS
from tlx.export.keras_file import open_keras_file
from tlx.export.keras_model import describe_keras_file

EXAMPLES = int(os.environ.get("TLX_FUZZ_EXAMPLES", "0"))
"""More of them in ``make fuzz``."""

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3]}},
            {"class_name": "Dense", "config": {"units": 2, "activation": "softmax"}},
        ]
    },
}


def write_hdf5(path: Path, change: Callable[[Any], None] | None = None) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        file.create_dataset("model_weights/dense/dense/kernel:0", data=np.ones((3, 2), np.float32))
        if change:
            change(file)
    return path


def write_archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    weights = write_hdf5(path.with_suffix(".weights.h5")).read_bytes()
    whole = {"config.json": json.dumps(CONFIG).encode(), "metadata.json": b"{}", "model.weights.h5": weights}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in {**whole, **members}.items():
            archive.writestr(name, content)
    return path


def test_a_whole_file_is_read_as_data(tmp_path: Path) -> None:
    for path in (write_archive(tmp_path / "model.keras", {}), write_hdf5(tmp_path / "model.h5")):
        assert describe_keras_file(path).shape == [None, 8, 8, 3]
        with open_keras_file(path) as file:
            assert file.numbers == 6
            kept = file.weights_path
        assert kept == path or not kept.exists()


def test_the_kind_is_told_by_the_content_not_by_the_name(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "model.keras", {}).rename(tmp_path / "a.h5")
    assert describe_keras_file(archive).activation == "softmax"
    with open_keras_file(archive) as file:
        assert file.kind == "numbered"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../../evil.py": b"x"}, r"holds '\.\./\.\./evil\.py' beside configuration and weights"),
        ({"/etc/cron.d/evil": b"x"}, "holds '/etc/cron.d/evil' beside"),
        ({"assets/vocabulary.txt": b"x"}, "holds 'assets/vocabulary.txt' beside"),
        ({"config.json": b"{}" + b" " * 2**22}, r"its config.json unpacks from .* to 4,194,306 bytes"),
        ({"model.weights.h5": b"\0" * 2**22}, r"its model.weights.h5 unpacks from .* to 4,194,304 bytes"),
        ({"metadata.json": b" " * 2**22}, "its metadata.json unpacks from"),
        ({"config.json": b"\xff\xfe"}, "its config.json is not text"),
        ({"config.json": b"["}, "its configuration: Expecting value"),
        ({"config.json": b"[" * 100_000}, "its config.json unpacks|its configuration: maximum recursion"),
        ({"config.json": b'{"class_name": ' + b"9" * 5_000 + b"}"}, "its config"),
        ({"config.json": b"7"}, "its configuration is not an object"),
        ({"model.weights.h5": b"no hdf5"}, "model.weights.h5: not a Keras model that can be loaded"),
    ],
)
def test_traps_in_an_archive_are_refused(members: dict[str, bytes], message: str, tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.keras", members, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match=message) as caught:
        describe_keras_file(path)
    assert str(path) in str(caught.value)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["model.keras", "model.weights.h5"]


def test_a_declared_size_is_the_most_that_is_unpacked(tmp_path: Path) -> None:
    """An archive that lies about a member's size gets its declaration and no more, and that's damage."""
    path = write_archive(tmp_path / "model.keras", {}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = (100).to_bytes(4, "little")  # the directory's entry of the weights
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a Keras model that can be loaded"):
        describe_keras_file(path)


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.keras", {})
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            member = zipfile.ZipInfo(name)
            if name == "config.json":
                member.external_attr = (stat.S_IFLNK | 0o777) << 16
                content = b"/etc/passwd"  # noqa: PLW2901 - where the link leads
            archive.writestr(member, content)
    with pytest.raises(ModelFileError, match=r"its config\.json is a link"):
        describe_keras_file(path)


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.keras", {})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", b"{}")
    with pytest.raises(ModelFileError, match="two members of one name"):
        describe_keras_file(path)


def shape_bomb(file: Any) -> None:
    file.create_dataset("model_weights/bomb", shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000))


def compressed_bomb(file: Any) -> None:
    file.create_dataset("model_weights/bomb", data=np.zeros((2000, 2000), np.float32), compression="gzip")


def external_storage(file: Any) -> None:
    file.create_dataset("model_weights/secret", (100,), "u1", external=[("/etc/passwd", 0, 100)])


def virtual_storage(file: Any) -> None:
    layout = h5py.VirtualLayout((10,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (10,))
    file["model_weights"].create_virtual_dataset("secret", layout)


def external_link(file: Any) -> None:
    file["model_weights/dense/secret"] = h5py.ExternalLink("/root/other.h5", "/x")


def soft_link(file: Any) -> None:
    file["model_weights/soft"] = h5py.SoftLink("/optimizer_weights")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shape_bomb, "'model_weights/bomb' unpacks from 0 to 4,000,000,000,000 bytes"),
        (compressed_bomb, "'model_weights/bomb' unpacks from"),
        (external_storage, "'model_weights/secret' keeps its numbers in another file"),
        (virtual_storage, "'model_weights/secret' keeps its numbers in another file"),
        (external_link, r"'model_weights/dense/secret' leads elsewhere \(ExternalLink\)"),
        (soft_link, r"'model_weights/soft' leads elsewhere \(SoftLink\)"),
    ],
)
def test_traps_in_hdf5_are_refused_in_both_kinds(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    plain = write_hdf5(tmp_path / "model.h5", change)
    packed = write_archive(tmp_path / "model.keras", {"model.weights.h5": plain.read_bytes()})
    for path in (plain, packed):
        with pytest.raises(ModelFileError, match=message):
            describe_keras_file(path)


def test_circles_come_to_an_end_and_masses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def circle(file: Any) -> None:
        file["model_weights/dense/again"] = file["model_weights"]

    assert describe_keras_file(write_hdf5(tmp_path / "circle.h5", circle)).activation == "softmax"
    assert MAX_OBJECTS > 10_000
    monkeypatch.setattr("tlx.export.hdf5_safety.MAX_OBJECTS", 3)
    with pytest.raises(ModelFileError, match="holds more than 3 objects"):
        describe_keras_file(write_hdf5(tmp_path / "model.h5"))


def drop(name: str) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file.attrs[name]

    return change


def put(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file.attrs[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("model_config"), "holds weights alone, or is no Keras model: save the whole model by model.save"),
        (drop("keras_version"), "was written by Keras 1, expected 2.0 or newer"),
        (put("keras_version", "1.2.2"), "was written by Keras 1.2.2"),
        (put("backend", b"theano"), "was trained on Theano, whose convolutions are flipped"),
        (put("model_config", b"\xff{"), "its configuration: Expecting value"),
        (put("model_config", 7), "its configuration is not an object"),
    ],
)
def test_what_an_h5_must_be_is_said_in_one_line(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=message):
        describe_keras_file(write_hdf5(tmp_path / "model.h5", change))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "text.keras").write_bytes(b"hello")
    (tmp_path / "empty.h5").touch()
    os.mkfifo(tmp_path / "pipe.keras")
    with (tmp_path / "huge.h5").open("wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n")
        file.truncate(5 * 2**30)  # sparse
    messages = {
        "absent.keras": "no such file",
        "saved_model": "a SavedModel can't be exported",
        "text.keras": "expected a .keras or .h5 file",
        "empty.h5": "expected a .keras or .h5 file",
        "pipe.keras": "not a regular file",
        "huge.h5": "the limit is 4,294,967,296",
    }
    for name, message in messages.items():
        with pytest.raises(ModelFileError, match=message):
            describe_keras_file(tmp_path / name)


@settings(max_examples=EXAMPLES or 150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoiled_file_is_an_error_of_ours_or_reads_the_same(data: st.DataObject, tmp_path: Path) -> None:
    for path in (tmp_path / "model.keras", tmp_path / "model.h5"):
        if not path.exists():
            write_archive(path, {}) if path.suffix == ".keras" else write_hdf5(path)
    source = data.draw(st.sampled_from([tmp_path / "model.keras", tmp_path / "model.h5"]))
    content = bytearray(source.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    spoiled = tmp_path / f"spoiled{source.suffix}"
    spoiled.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(TlxError):
        describe_keras_file(spoiled)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["Dense", "keras"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["class_name", "config", "layers", "module", "name", "inbound_nodes", "input_layers", "units"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=EXAMPLES or 200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers=st.lists(_JSON, max_size=3), kind=st.sampled_from(["Sequential", "Functional", "Model"]), ends=_JSON)
def test_any_configuration_is_an_error_of_ours_or_a_description(
    layers: list[Any], kind: str, ends: Any, tmp_path: Path
) -> None:
    config = {"class_name": kind, "config": {"layers": layers, "input_layers": ends, "output_layers": ends}}
    path = tmp_path / "model.h5"
    write_hdf5(path, put("model_config", json.dumps(config)))
    with contextlib.suppress(TlxError):
        describe_keras_file(path)
