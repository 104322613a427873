"""Go on where an earlier run stopped: results that are in a file aren't made again, new ones are appended to it.

The file holds JSON lines as ``tlx classify --format json`` writes them. Each goes to it in one piece as soon as it's
there, so that a process that is killed leaves at most one torn line; the next one cuts it off. A photo with an error
has its result, too, and isn't tried again. Pictures of cameras, and those on stdin, are always new ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, Final

from tlx.atomic import as_output_errors
from tlx.errors import InputError
from tlx.runtime.loop.frame_counts import FrameCounts
from tlx.runtime.output.items import Item
from tlx.runtime.output.json_lines import JsonSink
from tlx.runtime.sources.stdin import STDIN_NAME

_STARTS: Final = (b'{"kind": "', b'{"source": "')
_MAX_LINE_BYTES: Final = 2**20
_SHOWN: Final = 12
_STDOUT: Final = 1


@dataclass(slots=True)
class Done:
    """What a file of results holds already; what came of live sources doesn't count.

    Attributes:
        labelled: Results with a label.
        failed: Results with an error.
        first_error: The first failed one's source and reason; None if none failed.
        valid_bytes: The length of the file without a torn last line.
        ends_line: Whether the last line that counts has its end.
    """

    labelled: int = 0
    failed: int = 0
    first_error: str | None = None
    valid_bytes: int = 0
    ends_line: bool = True
    _photos: Counter[str] = field(default_factory=Counter)
    _frames: defaultdict[str, FrameCounts] = field(default_factory=lambda: defaultdict(FrameCounts))

    @property
    def count(self) -> int:
        """How many results."""
        return self.labelled + self.failed

    def add(self, source: str, index: int | None, error: str | None = None) -> None:
        """Remember one result."""
        if error is None:
            self.labelled += 1
        else:
            self.failed += 1
            self.first_error = self.first_error or f"{source}: {error}"
        if index is not None:
            self._frames[source].add(index)
        elif source != STDIN_NAME:
            self._photos[source] += 1

    def take(self, source: str, index: int | None) -> bool:
        """Whether this picture has its result; each result counts for one picture, as a file may be named twice.

        Args:
            source: As its frame calls it.
            index: The frame's number in a video; None for a photo.
        """
        if index is not None:
            return source in self._frames and self._frames[source].take(index)
        if self._photos[source] < 1:
            return False
        self._photos[source] -= 1
        return True


class ResumedFile:
    """A file of results that grows; a sink.

    Attributes:
        done: What it held when it was opened.
        is_stdout: Whether stdout leads to the same file; then nothing else should be written there.
    """

    def __init__(self, path: Path, model_sha256: str, labels: tuple[str, ...], topk: int) -> None:
        """Open it, or make it.

        Args:
            path: The file.
            model_sha256: Of the model that will be asked.
            labels: Of that model.
            topk: How many classes each line names.

        Raises:
            InputError: If it holds something else than results, results of another model, or another process has it.
            OutputError: If it can't be written.
        """
        self._file = _open(path)
        try:
            _lock(self._file, path)
            self.is_stdout = _is_stdout(self._file)
            self.done = read_done(self._file, path, model_sha256)
            with as_output_errors(path):
                self._file.truncate(self.done.valid_bytes)
                if not self.done.ends_line:
                    self._file.write(b"\n")
        except BaseException:
            self._file.close()
            raise
        self._sink = JsonSink(_Lines(self._file, path), labels, topk)

    @property
    def wants_pictures(self) -> bool:
        """No."""
        return False

    def write(self, item: Item) -> None:
        """Append one line.

        Raises:
            OutputError: If it can't be written, on a full disk for example.
        """
        self._sink.write(item)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class _Lines:
    """Lines that are each there at once, whole unless the disk is full."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file = file
        self.name = str(path)

    def write(self, text: str) -> int:
        content = text.encode("ascii")
        while content:
            content = content[self._file.write(content) or 0 :]
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def read_done(file: FileIO, path: Path, model_sha256: str) -> Done:
    """What a file of results holds; it isn't changed.

    Raises:
        InputError: If it holds something else than results, or results of another model.
    """
    done = Done()
    for number, line in enumerate(_read_lines(file), 1):
        if not line.endswith(b"\n") and _is_torn(line):
            break
        record = _parse(line, f"{path}: line {number}")
        done.valid_bytes += len(line)
        done.ends_line = line.endswith(b"\n")
        if record.get("kind", "result") != "result":
            continue
        if record["model_sha256"] != model_sha256:
            raise InputError(
                f"{path}: line {number} is the answer of another model ({record['model_sha256'][:_SHOWN]}, this one is "
                f"{model_sha256[:_SHOWN]}): go on with that model, or name another file"
            )
        if record.get("state") is None:
            done.add(record["source"], record["frame"], record["error"])
    return done


def _read_lines(file: FileIO) -> Iterator[bytes]:
    """Its lines; one that is longer than any of ours comes in pieces, so that a foreign file takes no memory."""
    file.seek(0)
    with open(file.fileno(), "rb", closefd=False) as reader:
        yield from iter(lambda: reader.readline(_MAX_LINE_BYTES), b"")


def _is_torn(line: bytes) -> bool:
    """Whether a last line without an end is the beginning of one of ours, or what a power loss left of it."""
    if not line.strip(b"\0"):
        return True
    if not any(line.startswith(start[: len(line)]) for start in _STARTS):
        return False
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def _parse(line: bytes, where: str) -> dict[str, Any]:
    expected = "expected results as 'tlx classify --format json' writes them"
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where} isn't JSON: {expected}; name another file") from error
    kinds = {"source": str, "label": str | None, "error": str | None, "frame": int | None, "model_sha256": str | None}
    if not isinstance(record, dict) or not all(
        name in record and isinstance(record[name], kind) for name, kind in kinds.items()
    ):
        raise InputError(f"{where} is no result: {expected}; name another file")
    if record.get("kind", "result") == "result" and record["model_sha256"] is None:
        raise InputError(f"{where} doesn't say which model answered: {expected}; name another file")
    return record


def _open(path: Path) -> FileIO:
    with as_output_errors(path):
        # Not waiting where somebody named a pipe.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: expected a file of results, this is no regular file")
    # Without a buffer, each line is one write to the system.
    return FileIO(descriptor, "r+")


def _lock(file: FileIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"{path}: another tlx writes its results there: wait for it, or name another file") from error
    except OSError:  # some network file systems
        return


def _is_stdout(file: FileIO) -> bool:
    with contextlib.suppress(OSError):
        return os.path.sameopenfile(file.fileno(), _STDOUT)
    return False
