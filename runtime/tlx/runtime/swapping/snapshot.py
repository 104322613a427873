"""A copy of a model file that nobody can change: what was proven is what will run, without reading it twice."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tlx.errors import ModelFileError
from tlx.runtime.model_file import MAX_MODEL_BYTES
from tlx.runtime.swapping.gently import in_a_thread, lower_priority

_CHUNK_BYTES: Final = 2**24
_SEALED: Final = 0x0001 | 0x0002 | 0x0004 | 0x0008
"""F_SEAL_SEAL, _SHRINK, _GROW and _WRITE of fcntl(2)."""
_ADD_SEALS: Final = 1033


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The copy.

    Attributes:
        path: Where it can be read, also by a child process that got :attr:`descriptor`.
        descriptor: Of the open copy.
    """

    path: Path
    descriptor: int


@contextlib.contextmanager
def take_snapshot(file: Path) -> Iterator[Snapshot]:
    """Copy a file into memory (where there are no files in memory: into the folder for temporary files).

    Raises:
        ModelFileError: If it can't be read, is no regular file or too large for a model.
    """
    try:
        with _made() as copy:
            in_a_thread(lambda: _copy(file, copy.fileno()))
            _seal(copy.fileno())
            memory = hasattr(os, "memfd_create")
            path = Path(f"/proc/self/fd/{copy.fileno()}" if memory else copy.name)
            yield Snapshot(path, copy.fileno())
    except OSError as error:
        raise ModelFileError(f"{file}: can't be read ({error.strerror or error})") from error


def _made() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("tlx-model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "r+b")
    return tempfile.NamedTemporaryFile(prefix="tlx-model-")


def _copy(file: Path, to: int) -> None:
    # Not blocking, because opening a named pipe would wait for a writer.
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_MODEL_BYTES:
            raise ModelFileError(f"{file}: no regular file, or too large for a model: name an .onnx file")
        lower_priority()
        left = status.st_size
        while left > 0 and (chunk := os.read(descriptor, min(left, _CHUNK_BYTES))):
            os.write(to, chunk)
            left -= len(chunk)
    finally:
        os.close(descriptor)


def _seal(descriptor: int) -> None:
    if hasattr(os, "memfd_create"):
        import fcntl

        fcntl.fcntl(descriptor, _ADD_SEALS, _SEALED)
