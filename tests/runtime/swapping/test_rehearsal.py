from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from tlx.errors import ModelFileError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.swapping.rehearsal import judge, rehearse
from tlx.runtime.swapping.snapshot import take_snapshot

NEVER = threading.Event()


def test_a_snapshot_is_what_the_file_was(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_model.read_bytes())
    with take_snapshot(path) as snapshot:
        path.write_bytes(b"something else")
        assert snapshot.path.read_bytes() == tiny_model.read_bytes()
        with pytest.raises(OSError, match="not permitted"):
            os.pwrite(snapshot.descriptor, b"x", 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(snapshot.descriptor)


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe"])
def test_what_is_no_file_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.onnx"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ModelFileError, match=r"model\.onnx"), take_snapshot(path):
        pass


def test_a_good_model_passes_and_tells_who_it_is(tiny_model: Path) -> None:
    with take_snapshot(tiny_model) as snapshot:
        done = rehearse(snapshot, "tiny.onnx", "cpu", NEVER)
    assert (done.sha256, done.problem) == (ModelFile.read(tiny_model).sha256, None)
    assert done.contract is not None
    assert '"red"' in done.contract


def test_a_stop_ends_the_wait_and_the_child(tiny_model: Path) -> None:
    stopped = threading.Event()
    stopped.set()
    started_s = time.monotonic()
    with take_snapshot(tiny_model) as snapshot:
        assert rehearse(snapshot, "tiny.onnx", "cpu", stopped).problem is not None
    assert time.monotonic() - started_s < 5


@pytest.mark.parametrize(
    ("stdout", "status", "problem"),
    [
        ('{"sha256": "ab", "contract": "{}", "problem": null}', 0, None),
        ('{"sha256": null, "contract": null, "problem": "m.onnx: cut short"}', 0, "m.onnx: cut short"),
        ("", -11, "m.onnx: the process that tried it crashed (signal SIGSEGV)"),
        ("", -9, "m.onnx: the process that tried it crashed (signal SIGKILL)"),
        ("Traceback", 1, "m.onnx: the process that tried it crashed (exit code 1)"),
    ],
)
def test_judge(stdout: str, status: int, problem: str | None) -> None:
    assert judge("m.onnx", stdout, status).problem == problem
