"""One process at a time in a folder; the lock ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def hold(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Keep others out of ``folder`` who hold it, too; nobody else notices.

    Args:
        folder: It exists.
        wait: For another who has it, instead of going on without.

    Yields:
        Whether it is held: False if another has it, and where folders can't be locked (Windows, some network file
        systems).

    Raises:
        OSError: If the folder can't be opened.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        held = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            held = False
        yield held
    finally:
        os.close(descriptor)
