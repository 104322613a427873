"""A Triton model repository: its layout, its configuration, its versions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime as ort
import pytest

from tlx.errors import InputError
from tlx.export.triton import publish_to_triton, require_triton_model, triton_config
from tlx.runtime.model_file import ModelFile

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker

# The fields of Triton's model_config.proto that are used: number, type, and whether it's repeated.
MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "ModelConfig": {
        "name": (1, "string", False),
        "backend": (17, "string", False),
        "max_batch_size": (4, "int32", False),
        "version_policy": (3, "ModelVersionPolicy", False),
        "input": (5, "ModelInput", True),
        "output": (6, "ModelOutput", True),
        "dynamic_batching": (11, "ModelDynamicBatching", False),
    },
    "ModelVersionPolicy": {"latest": (1, "Latest", False)},
    "Latest": {"num_versions": (1, "uint32", False)},
    "ModelInput": {
        "name": (1, "string", False),
        "data_type": (2, "DataType", False),
        "dims": (4, "int64", True),
    },
    "ModelOutput": {
        "name": (1, "string", False),
        "data_type": (2, "DataType", False),
        "dims": (3, "int64", True),
        "label_filename": (4, "string", False),
    },
    "ModelDynamicBatching": {
        "preferred_batch_size": (1, "int32", True),
        "max_queue_delay_microseconds": (2, "uint64", False),
    },
}
DATA_TYPES = {"TYPE_INVALID": 0, "TYPE_UINT8": 2, "TYPE_FP32": 11}


def parse_config(text: str) -> Any:
    """Read a ``config.pbtxt`` as Triton does: by protobuf's text format, unknown fields are errors."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="triton.proto", package="triton", syntax="proto3")
    enum = file.enum_type.add(name="DataType")
    for name, number in DATA_TYPES.items():
        enum.value.add(name=name, number=number)
    for message_name, fields in MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind, repeated) in fields.items():
            field = message.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".triton.{kind}"
            elif kind == "DataType":
                field.type, field.type_name = kinds.TYPE_ENUM, ".triton.DataType"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    config = message_factory.GetMessageClass(pool.FindMessageTypeByName("triton.ModelConfig"))()
    return text_format.Parse(text, config)


@pytest.fixture(scope="module")
def models(make_model: ModelMaker) -> list[ModelFile]:
    """Two of one interface."""
    return [ModelFile.parse(make_model(threshold=threshold), "model") for threshold in (0.5, 0.6)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_configuration_fits_the_file(models: list[ModelFile], tmp_path: Path) -> None:
    version = publish_to_triton(tmp_path / "repository", "colours", models[0])
    folder = tmp_path / "repository" / "colours"
    assert version == folder / "1"
    assert names(folder) == ["1", "config.pbtxt", "labels.txt"]
    assert names(version) == ["model.onnx"]
    config = parse_config((folder / "config.pbtxt").read_text())
    assert (config.name, config.backend) == ("colours", "onnxruntime")
    session = ort.InferenceSession(version / "model.onnx", providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    types = {"tensor(uint8)": DATA_TYPES["TYPE_UINT8"], "tensor(float)": DATA_TYPES["TYPE_FP32"]}
    for tensor, declared in ((taken, config.input[0]), (given, config.output[0])):
        assert (declared.name, declared.data_type) == (tensor.name, types[tensor.type])
        # With a max_batch_size the first axis isn't named, and must be free in the file.
        assert isinstance(tensor.shape[0], str)
        assert list(declared.dims) == tensor.shape[1:]
    assert (folder / config.output[0].label_filename).read_text() == "red\ngreen\nblue\n"
    batching = config.dynamic_batching
    assert max(batching.preferred_batch_size) <= config.max_batch_size
    assert 0 < batching.max_queue_delay_microseconds <= 10_000
    assert config.version_policy.latest.num_versions == 1


def test_the_parser_of_this_test_notices_mistakes(models: list[ModelFile]) -> None:
    from google.protobuf import text_format

    text = triton_config("colours", models[0].contract)
    assert parse_config(text).name == "colours"
    for wrong in (text.replace("max_batch_size", "max_batch"), text.replace("TYPE_UINT8", "UINT8"), text + "}"):
        with pytest.raises(text_format.ParseError):
            parse_config(wrong)


def test_versions_count_up_and_the_newest_is_not_added_twice(models: list[ModelFile], tmp_path: Path) -> None:
    added = [publish_to_triton(tmp_path, "colours", models[place]).name for place in (0, 0, 1, 1, 0)]
    assert added == ["1", "1", "2", "2", "3"]
    assert ModelFile.read(tmp_path / "colours" / "2" / "model.onnx").sha256 == models[1].sha256


def test_numbers_go_on_where_somebody_deleted_old_versions(models: list[ModelFile], tmp_path: Path) -> None:
    publish_to_triton(tmp_path, "colours", models[0])
    (tmp_path / "colours" / "1").rename(tmp_path / "colours" / "41")
    (tmp_path / "colours" / "warmup").mkdir()
    (tmp_path / "colours" / "099").mkdir()  # Triton ignores it, too
    assert publish_to_triton(tmp_path, "colours", models[1]).name == "42"


def test_a_tuned_configuration_is_kept(models: list[ModelFile], tmp_path: Path) -> None:
    publish_to_triton(tmp_path, "colours", models[0])
    config = tmp_path / "colours" / "config.pbtxt"
    config.write_text(config.read_text().replace("max_batch_size: 8", "max_batch_size: 64"))
    (tmp_path / "colours" / "labels.txt").unlink()
    publish_to_triton(tmp_path, "colours", models[1])
    assert "max_batch_size: 64" in config.read_text()
    assert (tmp_path / "colours" / "labels.txt").read_text() == "red\ngreen\nblue\n"


def test_another_interface_needs_another_name(models: list[ModelFile], make_model: ModelMaker, tmp_path: Path) -> None:
    publish_to_triton(tmp_path, "colours", models[0])
    for changed, what in (
        (make_model(labels=("blue", "red", "green")), "labels"),
        (make_model(size_hw=(8, 9)), "input"),
    ):
        with pytest.raises(InputError, match=f"another {what}.*choose another name"):
            publish_to_triton(tmp_path, "colours", ModelFile.parse(changed, "changed"))
    (tmp_path / "colours" / "1" / "model.onnx").write_bytes(b"somebody else's")
    with pytest.raises(InputError, match="choose another name"):
        publish_to_triton(tmp_path, "colours", models[0])
    assert names(tmp_path / "colours") == ["1", "config.pbtxt", "labels.txt"]


def test_what_a_killed_export_left_is_no_version_and_goes(models: list[ModelFile], tmp_path: Path) -> None:
    folder = tmp_path / "colours"
    (folder / ".partial.12345678").mkdir(parents=True)
    (folder / ".partial.12345678" / "model.onnx").write_bytes(b"half")
    (folder / "labels.txt").write_text("of an export that never came to its model\n")
    publish_to_triton(tmp_path, "colours", models[0])
    assert names(folder) == ["1", "config.pbtxt", "labels.txt"]
    assert (folder / "labels.txt").read_text() == "red\ngreen\nblue\n"


def test_another_user_may_read_the_version(models: list[ModelFile], tmp_path: Path) -> None:
    version = publish_to_triton(tmp_path / "repository", "colours", models[0])
    (tmp_path / "plain").mkdir()
    assert version.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_version_is_durable_before_it_has_its_name(
    models: list[ModelFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_to_triton(tmp_path, "colours", models[0])
    done: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        done.append("fsync " + (name if name == "colours" else "partial" if name.startswith(".partial") else "file"))

    def rename(source: Any, target: Any) -> None:
        real_rename(source, target)
        done.append(f"rename {Path(target).name}")

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    publish_to_triton(tmp_path, "colours", models[1])
    assert done == ["fsync file", "fsync partial", "rename 2", "fsync colours"]


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a b", "a\n", "é", 'quo"te', "x" * 129, "-x"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(InputError, match="can't be the name of a model in Triton"):
        require_triton_model(name, ["a", "b"])


@pytest.mark.parametrize("label", ["a\nb", "a\r", "\n", "a\u2028b", "a\x0bb"])
def test_labels_that_cannot_be_a_line(label: str) -> None:
    with pytest.raises(InputError, match="holds a line break"):
        require_triton_model("model", ["fine", label])


def test_labels_of_any_script_can_be() -> None:
    require_triton_model("model-1.b_c", ["Katze", "собака", '猫 und: "Hund"', "\\n"])
