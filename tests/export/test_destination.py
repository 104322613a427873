"""Exports that go into a models folder and a Triton model repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.export.test_triton import parse_config

from tlx.errors import GateError, InputError, OutputError
from tlx.export.destination import choose_destination, deliver
from tlx.export.exporter import Exported
from tlx.export.gates.parity import ParityVerdict
from tlx.runtime.model_file import ModelFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tlx.core.runs import Run

LABELS = ["red", "green", "blue"]


@pytest.fixture
def export(tiny_model: Path) -> Callable[[Path], Exported]:
    """Stands for the export of a run: writes a proven file."""

    def write(path: Path) -> Exported:
        path.write_bytes(tiny_model.read_bytes())
        model = ModelFile.read(path)
        verdict = ParityVerdict(1, 1, 0.0, 1e-4, (0,), (0.0,))
        return Exported(path, len(model.content), model.sha256, 4, model.contract, verdict)

    return write


def test_a_models_folder_and_a_repository(export: Callable[[Path], Exported], tmp_path: Path) -> None:
    destination = choose_destination(None, tmp_path / "models", tmp_path / "repository")
    delivered = deliver(destination, LABELS, export)
    assert delivered.exported.path == tmp_path / "models" / delivered.exported.sha256 / "model.onnx"
    assert ModelFile.read(destination.shown).sha256 == delivered.exported.sha256
    assert delivered.triton_version == tmp_path / "repository" / "models" / "1"
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == sorted(
        ["current", "history.jsonl", delivered.exported.sha256]
    )


def test_a_file_and_a_repository(export: Callable[[Path], Exported], tmp_path: Path) -> None:
    destination = choose_destination(tmp_path / "colours.onnx", None, tmp_path / "repository")
    delivered = deliver(destination, LABELS, export)
    assert delivered.exported.path == tmp_path / "colours.onnx"
    assert delivered.triton_version == tmp_path / "repository" / "colours" / "1"


def test_a_gate_that_says_no_publishes_nothing(tmp_path: Path) -> None:
    def refuse(path: Path) -> Exported:
        path.write_bytes(b"not good enough")
        raise GateError("no")

    with pytest.raises(GateError):
        deliver(choose_destination(None, tmp_path / "models", tmp_path / "repository"), LABELS, refuse)
    assert list(tmp_path.rglob("*")) == [tmp_path / "models"]


def test_what_cannot_be_is_refused_before_the_export(tmp_path: Path) -> None:
    def never(path: Path) -> Exported:
        raise AssertionError(path)

    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        deliver(choose_destination(None, tmp_path / "file", None), LABELS, never)
    with pytest.raises(InputError, match="can't be the name of a model in Triton"):
        deliver(choose_destination(tmp_path / "mo del.onnx", None, tmp_path / "repository"), LABELS, never)
    with pytest.raises(InputError, match="line break"):
        deliver(choose_destination(tmp_path / "model.onnx", None, tmp_path / "repository"), ["a", "b\n"], never)


@pytest.mark.slow
def test_a_run_is_exported_into_a_models_folder_and_again_it_is_the_same_version(tiny_run: Run, tmp_path: Path) -> None:
    from tests.cli.test_models import run_tlx

    command: list[str | Path] = [
        "export",
        "--to",
        "models",
        "--run",
        tiny_run.folder,
        "--triton",
        "repository",
        "--format",
        "json",
    ]
    first, second = (run_tlx(*command, folder=tmp_path) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stderr.splitlines()[-1].startswith("Next: tlx classify models PHOTO")
    documents = [json.loads(done.stdout) for done in (first, second)]
    assert documents[0]["sha256"] == documents[1]["sha256"] == ModelFile.read(tmp_path / "models").sha256
    assert documents[0]["path"] == f"models/{documents[0]['sha256']}/model.onnx"
    assert documents[1]["triton"] == "repository/models/1"
    config = parse_config((tmp_path / "repository" / "models" / "config.pbtxt").read_text())
    assert list(config.input[0].dims) == [32, 32, 3]


@pytest.mark.parametrize("place", [".", "/"])
def test_a_models_folder_may_be_the_folder_that_one_is_in_but_not_the_root(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if place == "/":
        with pytest.raises(InputError, match="--to /: expected a folder of its own, such as models/"):
            choose_destination(None, Path(place), None)
    else:
        beside = choose_destination(None, Path(place), None).beside(".fp32.onnx")
        assert beside == tmp_path.parent / f"{tmp_path.name}.fp32.onnx"
