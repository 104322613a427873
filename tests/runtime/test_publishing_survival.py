"""A models folder has a whole current model at every moment: under kills, failing disks and power losses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime.power_loss import Disk, Operation, record, write

from tlx.errors import OutputError, TlxError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish, roll_back
from tlx.runtime.model_registry import current_version
from tlx.runtime.registry_history import read_history, trail

if TYPE_CHECKING:
    from tests.tiny_models import ModelMaker

WORKER = Path(__file__).with_name("publishing_worker.py")


@pytest.fixture(scope="module")
def old(make_model: ModelMaker) -> ModelFile:
    return ModelFile.parse(make_model(), "old")


@pytest.fixture(scope="module")
def new(make_model: ModelMaker) -> ModelFile:
    return ModelFile.parse(make_model(labels=("one", "two", "three")), "new")


def test_killed_at_100_points_it_stays_whole_and_the_next_publication_cleans_up(
    old: ModelFile, new: ModelFile, tmp_path: Path
) -> None:
    for model in (old, new):
        (tmp_path / f"{model.source}.onnx").write_bytes(model.content)
    # A kill loses nothing that was written, flushed or not: memory does as well as a disk, and faster.
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        command = [sys.executable, *map(str, (WORKER, folder, tmp_path / "old.onnx", tmp_path / "new.onnx"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert sum(result["killed"] for result in results.values()) == 100
    for name, result in results.items():
        # Fewer lines than points would kill twice in one place; one outcome only would say nothing of the moment.
        assert result["lines"] > result["killed"], name
        assert result["old"] > 0, name
        assert result["new"] > 0, name


@pytest.mark.parametrize("number", range(8))
def test_an_fsync_that_fails_is_one_line_and_the_current_model_stays_whole(
    old: ModelFile, new: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    publish(tmp_path, old)
    real, calls = os.fsync, 0

    def fail(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        publish(tmp_path, new)
    monkeypatch.undo()
    assert calls == number + 1
    # The last fsync is after the change.
    assert ModelFile.read(tmp_path).sha256 == (new if number == 7 else old).sha256
    publish(tmp_path, new)
    assert ModelFile.read(tmp_path).sha256 == new.sha256
    assert list(tmp_path.rglob(".*")) == []


def read(folder: Path) -> str:
    """Whose model a reader gets; or the error that there is instead."""
    try:
        name = ModelFile.read(folder).sha256
        assert trail(read_history(folder), name)[-1] == name
    except TlxError as error:
        return f"lost: {error}"
    return name


def tree(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


def found_after_power_losses(operations: list[Operation], setup: int, root: int, folder: Path) -> list[set[str]]:
    """For each moment after the set-up what readers may find: versions, or the error of one who finds none."""
    disk, moments, known = Disk(root), [], dict[str, str]()
    for number, operation in enumerate(operations):
        disk.take(operation)
        if number + 1 < setup:
            continue
        moment = set()
        for files in map(disk.files, disk.states()):
            key = repr(files)
            if key not in known:
                write(files, folder / f"state-{len(known)}")
                known[key] = read(folder / f"state-{len(known)}")
            moment.add(known[key])
        moments.append(moment)
    return moments


@pytest.mark.parametrize("kind", ["publish", "rollback"])
def test_after_a_power_loss_at_any_moment_the_old_or_the_new_model_is_current_and_whole(
    old: ModelFile, new: ModelFile, tmp_path: Path, kind: str
) -> None:
    registry = tmp_path / "models"
    registry.mkdir()
    setup = record(registry, lambda folder: publish(folder, old))
    first, second = old, new
    if kind == "rollback":
        setup += record(registry, lambda folder: publish(folder, new))
        first, second = new, old
    change = record(registry, roll_back if kind == "rollback" else lambda folder: publish(folder, new))
    inode = registry.stat().st_ino
    moments = found_after_power_losses(setup + change, len(setup), inode, tmp_path)
    assert moments[0] == {first.sha256}
    assert all(found <= {first.sha256, second.sha256} for found in moments), moments
    assert {first.sha256, second.sha256} in moments
    assert moments[-1] == {second.sha256}, "it returned before it was durable"
    # Nothing that was done has escaped the recording.
    disk = Disk(inode)
    for operation in setup + change:
        disk.take(operation)
    write(disk.files(list(disk.states())[-1]), tmp_path / "replayed")
    assert tree(tmp_path / "replayed") == tree(registry)


@pytest.mark.parametrize("forgotten", ["the file", "its folder", "the models folder"])
def test_the_test_of_power_losses_notices_an_fsync_that_is_missing(
    old: ModelFile, new: ModelFile, tmp_path: Path, forgotten: str
) -> None:
    registry = tmp_path / "models"
    registry.mkdir()
    setup = record(registry, lambda folder: publish(folder, old))
    change = record(registry, lambda folder: publish(folder, new))
    version = registry / new.sha256
    left_out = {
        "the file": ("content", (version / "model.onnx").stat().st_ino),
        "its folder": ("entries", version.stat().st_ino),
        "the models folder": ("entries", registry.stat().st_ino),
    }[forgotten]
    spoilt = [operation for operation in change if (operation.kind, operation.inode) != left_out]
    assert len(spoilt) < len(change)
    moments = found_after_power_losses(setup + spoilt, len(setup), registry.stat().st_ino, tmp_path)
    assert any(name.startswith("lost: ") for found in moments for name in found) or len(moments[-1]) > 1


def test_two_processes_may_publish_at_once_and_readers_see_whole_models(
    old: ModelFile, new: ModelFile, tmp_path: Path
) -> None:
    registry = tmp_path / "models"
    publish(registry, old)
    script = (
        "import sys, pathlib; from tlx.runtime.model_file import ModelFile\n"
        "from tlx.runtime.model_publishing import publish\n"
        "model = ModelFile.read(sys.argv[2])\n"
        "for _ in range(12): publish(pathlib.Path(sys.argv[1]), model)\n"
    )
    writers = []
    for model in (old, new):
        (tmp_path / model.source).write_bytes(model.content)
        command = [sys.executable, "-c", script, str(registry), str(tmp_path / model.source)]
        writers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    while any(writer.poll() is None for writer in writers):
        assert ModelFile.read(registry).sha256 in {old.sha256, new.sha256}
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    changes = read_history(registry)
    assert changes[-1].sha256 == current_version(registry)
    # Each says what the one before it made of it: none was written over.
    assert [change.previous for change in changes[1:]] == [change.sha256 for change in changes[:-1]]
    assert list(registry.rglob(".*")) == []
