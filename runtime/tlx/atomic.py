"""Files that are whole or not there.

A reader of a path written here sees the old content or the new, never a part: the bytes go to a temporary
name in the same folder, are flushed to the disk, and take the final name in one step (rename(2)).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlx.errors import OutputError

_STEM_BYTES = 100
"""Of a file's name in its temporary one: names end at 255 bytes, and what is put around it counts, too."""


def fsync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename inside it survives a power loss."""
    if os.name == "nt":  # Windows can't open folders; NTFS journals renames itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Flush a file's bytes, so that they are there after a power loss."""
    # Windows flushes only what may be written; elsewhere a read-only file can be flushed, too.
    with path.open("rb+" if os.name == "nt" else "rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; on a clean exit it takes ``path``'s name.

    On an error (also Ctrl-C) the temporary file is removed and ``path`` is untouched. Libraries that insist
    on a suffix find it: the temporary name ends like the final one.

    Raises:
        OutputError: If the folder doesn't exist, isn't writable, or the disk is full.
    """
    temporary = None
    try:
        prefix, suffix = f".{_first_bytes(path.stem, _STEM_BYTES)}.", f".tmp{path.suffix}"
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=path.parent)
        temporary = Path(name)
        # mkstemp makes 0600; a published file gets what open() would have given it.
        os.fchmod(handle, 0o666 & ~_umask())
        os.close(handle)
        yield temporary
        fsync_file(temporary)
        temporary.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        raise _as_output_error(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Look whether a file could be written there, before minutes of work for it.

    Raises:
        OutputError: If the folder doesn't exist or isn't writable, or a folder has the name.
    """
    with as_output_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        handle, name = tempfile.mkstemp(prefix=".", suffix=f".tmp{path.suffix}", dir=path.parent)
        os.close(handle)
        Path(name).unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, atomically and durably."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replace ``path`` by ``content`` in UTF-8, atomically and durably."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Replace ``path`` by ``content`` as indented JSON, atomically and durably."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # A file's name may hold bytes that aren't UTF-8; a backslash escape of them is JSON's own.
    write_bytes(path, text.encode(errors="backslashreplace"))


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents, durably.

    Raises:
        OutputError: If that is not allowed, or something else has the name.
    """
    with as_output_errors(folder):
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for one in reversed(missing):
            fsync_folder(one.parent)


@contextlib.contextmanager
def as_output_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says of writing ``path`` into an :class:`~tlx.errors.OutputError`."""
    try:
        yield
    except OSError as error:
        raise _as_output_error(path, error) from error


def _first_bytes(name: str, limit: int) -> str:
    """As many characters as fit: a name is limited in bytes, and three of them may be one character."""
    name = name[:limit]
    while len(os.fsencode(name)) > limit:
        name = name[:-1]
    return name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _as_output_error(path: Path, error: OSError) -> OutputError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OutputError(f"{path}: the disk is full: free some space and run the command again")
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return OutputError(f"{path}: the folder {path.parent} does not exist: create it first")
    # The kernel's own file systems, as /proc, say "no such file" where nothing can be made.
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT}:
        return OutputError(f"{path}: not writable ({error.strerror}): choose another place")
    return OutputError(f"{path}: can't be written ({error.strerror or error})")
