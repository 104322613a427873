"""Files that are whole or not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlx import atomic
from tlx.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_bytes_replaces_the_content(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")
    atomic.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["model.onnx"]


def test_write_json_keeps_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xc3\xa9")
    atomic.write_json(tmp_path / "names.json", [name])
    content = (tmp_path / "names.json").read_bytes()
    assert "é" in content.decode()
    assert json.loads(content) == [name]


def test_replacing_gives_the_rights_that_open_would_have_given(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "ours", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    "name",
    [
        "é" * 120 + ".onnx",
        "猫" * 80 + ".onnx",  # three bytes each
        os.fsdecode(b"\xff" * 240) + ".onnx",  # not UTF-8
        "m." + "猫" * 75,
        "m" * 250 + ".onnx",
    ],
    ids=["two bytes", "three bytes", "no text", "long suffix", "ascii"],
)
def test_replacing_takes_every_name_that_the_file_system_takes(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with atomic.replacing(target) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.suffix == target.suffix
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_replacing_keeps_the_old_file_when_the_writer_fails(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic.replacing(target) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["model.onnx"]


def test_replacing_says_that_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the folder .* does not exist"):
        atomic.write_bytes(tmp_path / "absent" / "model.onnx", b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_replacing_says_that_the_folder_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        atomic.write_bytes(tmp_path / "model.onnx", b"")


def test_a_killed_writer_leaves_the_old_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")
    script = (
        "import sys, time, pathlib; from tlx import atomic\n"
        "with atomic.replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half'); print('written', flush=True); time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert target.read_bytes() == b"old"
    # What the dead writer left can't be taken for a model.
    assert [path for path in tmp_path.glob("*.onnx") if not path.name.startswith(".")] == [target]


def test_readers_see_the_old_or_the_new_content_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "state"
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    atomic.write_bytes(target, contents[0])
    script = (
        "import sys, time, pathlib; from tlx import atomic\n"
        "end = time.monotonic() + 1.0\n"
        "while time.monotonic() < end:\n"
        "    for letter in b'ab': atomic.write_bytes(pathlib.Path(sys.argv[1]), bytes([letter]) * 200_000)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(target)])
    seen = set()
    while writer.poll() is None:
        content = target.read_bytes()
        assert content in contents
        seen.add(content[:1])
        time.sleep(0.001)
    assert writer.returncode == 0
    assert seen == {b"a", b"b"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a file system where nothing can be made is Linux's /proc")
def test_a_place_where_nothing_can_be_made_is_not_called_absent() -> None:
    with pytest.raises(OutputError, match="not writable"):
        atomic.write_text(Path("/proc/model.onnx"), "")
