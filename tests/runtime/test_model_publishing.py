"""A models folder: adding versions, choosing one, going back."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.runtime.full_contract import full_contract

from tlx.contract import ExportRecord, LatencyRecord
from tlx.errors import InputError, ModelFileError, OutputError
from tlx.runtime.classifier import Classifier
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_listing import Version, describe_listing, format_listing, list_versions
from tlx.runtime.model_publishing import publish, roll_back, scratch, use
from tlx.runtime.model_registry import CURRENT, current_version, is_registry, model_path, resolve_model
from tlx.runtime.registry_history import read_history

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker


@pytest.fixture(scope="module")
def three(make_model: ModelMaker) -> list[ModelFile]:
    return [ModelFile.parse(make_model(labels=(letter, "other")), letter) for letter in "abc"]


@pytest.fixture
def registry(three: list[ModelFile], tmp_path: Path) -> Path:
    """With the versions a, b and c, of which c is current."""
    folder = tmp_path / "models"
    for model in three:
        publish(folder, model)
    return folder


def current_label(registry: Path) -> str:
    return ModelFile.read(registry).contract.labels[0]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_published_model_is_current_for_tlx_and_for_everybody(three: list[ModelFile], tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "models"
    switch = publish(folder, three[0])
    assert (switch.sha256, switch.previous) == (three[0].sha256, None)
    assert (folder / "current" / "model.onnx").read_bytes() == three[0].content
    assert (folder / "current").readlink() == Path(three[0].sha256), "the folder must be free to move"
    assert resolve_model(folder) == switch.path == model_path(folder, three[0].sha256)
    assert Classifier.load(folder, device="cpu").sha256 == three[0].sha256
    assert names(folder) == {"current", "history.jsonl", three[0].sha256}
    assert names(switch.path.parent) == {"model.onnx"}


def test_the_rights_are_those_of_other_files(registry: Path, three: list[ModelFile], tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").touch()
    version = model_path(registry, three[0].sha256)
    assert version.stat().st_mode == (tmp_path / "plain" / "file").stat().st_mode
    assert version.parent.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_publishing_twice_changes_nothing(registry: Path, three: list[ModelFile]) -> None:
    before = (registry / "history.jsonl").read_bytes()
    switch = publish(registry, three[2])
    assert (switch.sha256, switch.previous) == (three[2].sha256, three[2].sha256)
    assert (registry / "history.jsonl").read_bytes() == before
    assert len(list_versions(registry).versions) == 3


def test_publishing_an_older_version_makes_it_current_again(registry: Path, three: list[ModelFile]) -> None:
    assert publish(registry, three[0]).previous == three[2].sha256
    assert current_label(registry) == "a"
    assert len(list_versions(registry).versions) == 3


def test_the_same_export_at_another_moment_and_speed_is_the_same_version(tiny_model: Path, tmp_path: Path) -> None:
    import onnx

    from tlx.export.publish import sealed_bytes

    def exported(created_utc: str, processor: str, p50_ms: float = 1.5) -> ModelFile:
        latency = LatencyRecord(device="cpu", processor=processor, threads=2, pictures=5, p50_ms=p50_ms)
        record = ExportRecord(created_utc=created_utc, processor=processor, opset=17, versions={}, latency=latency)
        contract = ModelFile.read(tiny_model).contract.model_copy(update={"export": record})
        return ModelFile.parse(sealed_bytes(onnx.load(tiny_model), contract), "exported")

    first = exported("2026-01-01T00:00:00+00:00", "one")
    again = exported("2026-02-02T22:22:22+00:00", "one", p50_ms=12.25)
    elsewhere = exported("2026-02-02T22:22:22+00:00", "two")
    assert len({first.sha256, again.sha256, elsewhere.sha256}) == 3
    publish(tmp_path, first)
    assert publish(tmp_path, again).sha256 == first.sha256
    assert publish(tmp_path, elsewhere).sha256 == elsewhere.sha256
    assert publish(tmp_path, again).sha256 == first.sha256
    assert current_version(tmp_path) == first.sha256
    assert names(tmp_path) == {"current", "history.jsonl", first.sha256, elsewhere.sha256}


def test_rolling_back_goes_one_step_at_a_time_until_there_is_none(registry: Path) -> None:
    assert current_label(registry) == "c"
    roll_back(registry)
    assert current_label(registry) == "b"
    roll_back(registry)
    assert current_label(registry) == "a"
    with pytest.raises(InputError, match=r"nothing to roll back to.*--use VERSION"):
        roll_back(registry)
    assert current_label(registry) == "a"
    assert [change.action for change in read_history(registry)] == ["publish"] * 3 + ["rollback"] * 2


def test_a_choice_can_be_undone(registry: Path, three: list[ModelFile]) -> None:
    use(registry, three[0].sha256[:8].upper())
    assert current_label(registry) == "a"
    roll_back(registry)
    assert current_label(registry) == "c"


def test_a_deleted_version_is_passed_over(registry: Path, three: list[ModelFile]) -> None:
    shutil.rmtree(registry / three[1].sha256)
    assert list_versions(registry).rollback_to == three[0].sha256
    roll_back(registry)
    assert current_label(registry) == "a"


def test_rolling_back_mends_a_folder_whose_current_version_was_deleted(registry: Path, three: list[ModelFile]) -> None:
    shutil.rmtree(registry / three[2].sha256)
    with pytest.raises(ModelFileError, match=r"its current model .* was deleted: choose one with"):
        ModelFile.read(registry)
    assert "was deleted" in format_listing(list_versions(registry))[-1]
    roll_back(registry)
    assert current_label(registry) == "b"


def test_a_current_that_was_deleted_comes_back(registry: Path) -> None:
    (registry / CURRENT).unlink()
    with pytest.raises(ModelFileError, match="has no current model"):
        ModelFile.read(registry)
    roll_back(registry)
    assert current_label(registry) == "c"


@pytest.mark.parametrize("damage", ["cut", "changed", "another's"])
def test_a_damaged_version_never_becomes_current(registry: Path, three: list[ModelFile], damage: str) -> None:
    content = three[1].content
    model_path(registry, three[1].sha256).write_bytes(
        {"cut": content[:-5], "changed": content.replace(b"other", b"0ther"), "another's": three[0].content}[damage]
    )
    with pytest.raises(ModelFileError, match=r"damaged|cut short|holds another model"):
        use(registry, three[1].sha256)
    with pytest.raises(ModelFileError, match="the current model stays: choose one with"):
        roll_back(registry)
    assert current_label(registry) == "c"
    assert len(read_history(registry)) == 3
    (version,) = (one for one in list_versions(registry).versions if one.problem)
    assert version.sha256 == three[1].sha256
    # Exported again, it's whole again.
    publish(registry, three[1])
    assert current_label(registry) == "b"


def test_a_current_version_that_holds_another_model_is_refused(registry: Path, three: list[ModelFile]) -> None:
    model_path(registry, three[2].sha256).write_bytes(three[0].content)
    with pytest.raises(ModelFileError, match="holds another model"):
        Classifier.load(registry)


def test_a_prefix_must_be_of_exactly_one_version(registry: Path, three: list[ModelFile]) -> None:
    twin = three[0].sha256[:4] + "0" * 60
    shutil.copytree(registry / three[0].sha256, registry / twin)
    with pytest.raises(ModelFileError, match=r"2 versions begin with .*: name more of it"):
        use(registry, twin[:4])
    for absent in ("xyz", "", "*"):
        with pytest.raises(ModelFileError, match=r"no version begins with .*; there are: "):
            use(registry, absent)


@pytest.mark.parametrize("change", [roll_back, lambda folder: use(folder, "4f"), list_versions])
def test_another_folder_is_no_models_folder(tmp_path: Path, change: object) -> None:
    assert callable(change)
    (tmp_path / "photo.jpg").touch()
    for path in (tmp_path, tmp_path / "absent", tmp_path / "photo.jpg"):
        with pytest.raises(InputError, match=r"not a models folder: make one with 'tlx export --to"):
            change(path)
    assert names(tmp_path) == {"photo.jpg"}
    with pytest.raises(ModelFileError, match="is a folder, but none that 'tlx export --to' made"):
        ModelFile.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("../elsewhere", "not a version"), ("v1", "not a version"), ("A" * 64, "not a version"), ("", "not a version")],
)
def test_a_foreign_current_is_left_alone(three: list[ModelFile], tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / CURRENT).write_text(text)
    before = names(tmp_path)
    for change in (lambda: publish(tmp_path, three[0]), lambda: scratch(tmp_path).__enter__()):
        with pytest.raises(ModelFileError, match=message):
            change()
    assert (tmp_path / CURRENT).read_text() == text
    assert names(tmp_path) - before <= {three[0].sha256}


def test_a_current_that_was_copied_as_a_folder_says_so(registry: Path, tmp_path: Path) -> None:
    shutil.copytree(registry, tmp_path / "copy")  # follows links
    with pytest.raises(ModelFileError, match="something followed the link"):
        ModelFile.read(tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / CURRENT)
    roll_back(tmp_path / "copy")
    assert current_label(tmp_path / "copy") == "c"


def test_a_copy_with_its_links_works_elsewhere(registry: Path, tmp_path: Path) -> None:
    shutil.copytree(registry, tmp_path / "copy", symlinks=True)
    shutil.rmtree(registry)
    roll_back(tmp_path / "copy")
    assert current_label(tmp_path / "copy") == "b"


@pytest.mark.parametrize("reason", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_symbolic_links_current_is_a_text(
    three: list[ModelFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))  # as FAT does

    publish(tmp_path / "linked", three[0])
    monkeypatch.setattr(os, "symlink", refuse)
    for folder in (tmp_path / "linked", tmp_path / "models"):
        for model in three:
            publish(folder, model)
        assert not (folder / CURRENT).is_symlink()
        assert (folder / CURRENT).read_text() == f"{three[2].sha256}\n"
        roll_back(folder)
        assert current_label(folder) == "b"
        assert [name for name in names(folder) if name.startswith(".")] == []
    monkeypatch.undo()
    publish(tmp_path / "models", three[0])
    assert (tmp_path / "models" / CURRENT).is_symlink()


def test_scratch_is_kept_while_its_export_runs_and_swept_when_that_was_killed(
    registry: Path, three: list[ModelFile]
) -> None:
    killed = registry / ".scratch.killed"
    killed.mkdir()
    (killed / "model.onnx").write_bytes(b"half")
    with scratch(registry) as file:
        assert not killed.exists()
        file.write_bytes(three[0].content)
        publish(registry, three[1])
        with scratch(registry) as other:
            assert other != file
        assert file.read_bytes() == three[0].content
        assert len(list_versions(registry).versions) == 3
    assert [name for name in names(registry) if name.startswith(".")] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_line(registry: Path, three: list[ModelFile]) -> None:
    registry.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        roll_back(registry)
    with pytest.raises(OutputError, match="not writable"):
        use(registry, three[0].sha256)
    assert current_label(registry) == "c"
    registry.chmod(0o700)


def test_a_file_in_the_way_is_one_line(three: list[ModelFile], tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(OutputError, match="models"):
        publish(tmp_path / "models", three[0])


def test_a_registry_is_known_by_what_it_holds(registry: Path, tmp_path: Path) -> None:
    assert is_registry(registry)
    (registry / CURRENT).unlink()
    assert is_registry(registry)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    assert not is_registry(tmp_path / "run")
    assert resolve_model(tmp_path / "run") == tmp_path / "run"


def test_the_listing_for_programs(registry: Path, three: list[ModelFile]) -> None:
    document = describe_listing(list_versions(registry))
    assert (document["current"], document["rollback_to"]) == (three[2].sha256, three[1].sha256)
    assert {version["sha256"]: version["current"] for version in document["versions"]} == {
        model.sha256: model is three[2] for model in three
    }
    assert {version["size_bytes"] for version in document["versions"]} == {len(three[0].content)}


@pytest.mark.parametrize(
    ("accuracy", "claim", "training", "expected"),
    [
        (True, True, True, 0.974),  # of this very file
        (False, True, False, 118 / 120),  # of a Keras file: what labelled photos say of it
        (False, False, True, 0.976),
        (False, False, False, None),
    ],
)
def test_the_listed_accuracy_is_what_was_measured_nearest_to_the_file(
    accuracy: bool, claim: bool, training: bool, expected: float | None
) -> None:
    contract = full_contract()
    assert contract.export is not None
    kept = {"accuracy": accuracy, "claim": claim}
    export = contract.export.model_copy(update={name: None for name, keep in kept.items() if not keep})
    contract = contract.model_copy(update={"export": export} | ({} if training else {"training": None}))
    assert Version("0" * 64, Path("model.onnx"), 1, contract, None).accuracy == expected
