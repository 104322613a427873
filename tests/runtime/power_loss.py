"""What a disk may hold after a power loss: recorded calls of the operating system, replayed with what was flushed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Operation(NamedTuple):
    """What was asked of the operating system.

    Attributes:
        kind: ``content`` (a file's fsync), ``entries`` (a folder's), ``set``, ``move`` or ``delete`` of an entry.
        inode: The file's or the folder's whose content or entries it's about.
        name: The entry's.
        value: The content; or what the entry stands for: an inode, or a link's text.
        old_name: The entry's before a move.
    """

    kind: str
    inode: int
    name: str = ""
    value: Any = None
    old_name: str = ""


class Recorder:
    """Passes calls on to the real ``os`` and notes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operations: list[Operation] = []
        self._monkeypatch = monkeypatch
        wrappers: dict[str, Callable[..., None]] = {
            "fsync": self._fsync,
            "open": self._open,
            "mkdir": self._made,
            "symlink": self._linked,
            "replace": self._moved,
            "rename": self._moved,
            "unlink": self._deleted,
            "rmdir": self._deleted,
        }
        for name, note in wrappers.items():
            self._wrap(name, note)

    def _wrap(self, name: str, note: Callable[..., None]) -> None:
        real = getattr(os, name)

        def wrapper(*arguments: Any, **options: Any) -> Any:
            result = real(*arguments, **options)
            note(*arguments)
            return result

        self._monkeypatch.setattr(os, name, wrapper)

    def _fsync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self.operations.append(Operation("entries", status.st_ino))
        else:
            content = os.pread(descriptor, status.st_size, 0)
            self.operations.append(Operation("content", status.st_ino, value=content))

    def _open(self, path: Any, flags: int = 0, *_: Any) -> None:
        if flags & os.O_CREAT:
            self._made(path)

    def _made(self, path: Any, *_: Any) -> None:
        self._note("set", Path(path), Path(path).stat().st_ino)

    def _linked(self, target: Any, path: Any, *_: Any) -> None:
        self._note("set", Path(path), str(target))

    def _moved(self, source: Any, path: Any) -> None:
        assert Path(source).parent == Path(path).parent
        value = str(Path(path).readlink()) if Path(path).is_symlink() else Path(path).stat().st_ino
        self._note("move", Path(path), value, Path(source).name)

    def _deleted(self, path: Any) -> None:
        self._note("delete", Path(path), None)

    def _note(self, kind: str, path: Path, value: Any, old_name: str = "") -> None:
        self.operations.append(Operation(kind, path.parent.stat().st_ino, path.name, value, old_name))


class Disk:
    """What is durable after some operations: what was flushed, and of the rest nobody knows what.

    A file's content is there once it was flushed, else it's empty. A folder's changes are each done whole or not at
    all; those since its last flush may have happened or not, in any combination.
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self.content: dict[int, bytes] = {}
        self.entries: dict[int, dict[str, Any]] = {}
        self.pending: dict[int, list[Operation]] = {}

    def take(self, operation: Operation) -> None:
        if operation.kind == "content":
            self.content[operation.inode] = operation.value
        elif operation.kind == "entries":
            self.entries[operation.inode] = self._after(operation.inode, self.pending.pop(operation.inode, []))
        else:
            self.pending.setdefault(operation.inode, []).append(operation)

    def states(self) -> Iterator[dict[int, dict[str, Any]]]:
        """Everything that a reader may find after a power loss now; the last one has lost nothing."""
        changed = list(self.pending)
        chosen = [
            chain.from_iterable(combinations(self.pending[one], count) for count in range(len(self.pending[one]) + 1))
            for one in changed
        ]
        for happened in product(*chosen):
            after = {one: self._after(one, some) for one, some in zip(changed, happened, strict=True)}
            yield self.entries | after

    def _after(self, folder: int, operations: Any) -> dict[str, Any]:
        entries = dict(self.entries.get(folder, {}))
        for operation in operations:
            entries.pop(operation.old_name, None)
            if operation.kind == "delete":
                entries.pop(operation.name, None)
            else:
                entries[operation.name] = operation.value
        return entries

    def files(self, state: dict[int, dict[str, Any]], folder: int | None = None) -> dict[str, Any]:
        """What a reader finds: a link's text, a file's bytes, or a folder's own files, by name."""
        found: dict[str, Any] = {}
        for name, value in state.get(self.root if folder is None else folder, {}).items():
            is_folder = value in state or (value not in self.content and len(name) == 64)
            found[name] = self.files(state, value) if is_folder else self.content.get(value, b"")
            if isinstance(value, str):
                found[name] = value
        return found


def write(files: dict[str, Any], folder: Path) -> None:
    folder.mkdir()
    for name, value in files.items():
        if isinstance(value, dict):
            write(value, folder / name)
        elif isinstance(value, str):
            (folder / name).symlink_to(value)
        else:
            (folder / name).write_bytes(value)


def record(registry: Path, change: Callable[[Path], object]) -> list[Operation]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        recorder = Recorder(monkeypatch)
        change(registry)
    return recorder.operations
