"""When to look at a model file again: when it has changed, and holds still."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.errors import ModelFileError
from tlx.runtime.model_registry import resolve_model

SETTLED_AFTER: Final = 2
"""Looks in a row that must find the same. A file that is copied in place changes at each; one that is replaced by
renaming doesn't."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look at a path found.

    Attributes:
        file: The model file; in a models folder its current one.
        stamp: Time of change in nanoseconds, size and inode; None if there is no file.
        problem: Why there is none, on one line.
    """

    file: str
    stamp: tuple[int, int, int] | None
    problem: str | None = None


def look(path: Path) -> Sight:
    """See what a path stands for now, without reading the file; never raises."""
    try:
        file = resolve_model(path)
        status = file.stat()
    except ModelFileError as error:
        return Sight(str(path), None, str(error))
    except (OSError, ValueError) as error:
        return Sight(str(path), None, f"{path}: no model file is there ({getattr(error, 'strerror', None) or error})")
    return Sight(str(file), (status.st_mtime_ns, status.st_size, status.st_ino))


class Settling:
    """Tells which sights are news: each once, and only when it has been the same for a while."""

    def __init__(self, known: Sight) -> None:
        """Begin.

        Args:
            known: What was seen before the model that runs was read.
        """
        self._known = known
        self._last = known
        self._times = 0

    def is_news(self, sight: Sight) -> bool:
        """Take the next sight; true if it's a settled one that nobody has acted upon."""
        self._times = self._times + 1 if sight == self._last else 1
        self._last = sight
        if sight == self._known or self._times < SETTLED_AFTER:
            return False
        self._known = sight
        return True
