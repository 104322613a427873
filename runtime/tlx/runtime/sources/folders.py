"""The photos of a folder and what a pattern matches, each in natural order.

Links to folders aren't followed below the folder that was named, as ``find`` does: a loop of links ends nowhere, and
no photo comes twice. Names are told apart by their ending alone, without asking the disk about each: a folder of
100,000 photos is listed in about a second.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tlx.errors import SourceError
from tlx.images import PHOTO_SUFFIXES

_DIGITS: Final = re.compile(r"([0-9]+)")
_ANY_DEPTH: Final = "**"


def photos_in(folder: Path) -> list[Path]:
    """All photos of a folder and its subfolders, in natural order; hidden files and folders are left out.

    Raises:
        SourceError: If a folder can't be listed.
    """
    return [Path(path) for path in walk_photos(str(folder), refuse=True)]


def walk_photos(folder: str, *, refuse: bool = False) -> Iterator[str]:
    """The paths of all photos of a folder, then those of each of its subfolders.

    Only the names of one folder at a time are in memory. A subfolder that can't be listed is given itself in place
    of its photos: reading it says why.

    Args:
        folder: Where to begin.
        refuse: Raise for subfolders that can't be listed, too.

    Raises:
        SourceError: If ``folder`` can't be listed.
    """
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            files, folders = _list(current)
        except OSError as error:
            if refuse or current == folder:
                raise SourceError(f"{current}: can't be listed ({error.strerror or error})") from error
            yield current
            continue
        for name in files:
            yield os.path.join(current, name)  # noqa: PTH118 - a Path for each of 100,000 names takes a second
        waiting.extend(os.path.join(current, name) for name in reversed(folders))  # noqa: PTH118


def _list(folder: str) -> tuple[list[str], list[str]]:
    """The names of the photos and of the subfolders, both in natural order."""
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif has_photo_suffix(entry.name):
                files.append(entry.name)
    files.sort(key=natural_key)
    folders.sort(key=natural_key)
    return files, folders


def has_photo_suffix(name: str) -> bool:
    """Whether a file's name ends as a photo's does."""
    return os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES  # noqa: PTH122 - as above


def expand_pattern(pattern: str) -> list[str]:
    """The files and folders that a pattern matches, in natural order, each once.

    ``*``, ``?`` and ``[…]`` match within a name, ``**`` any number of folders; hidden names only where the pattern
    names the dot. At the end of a pattern, ``**`` means the folder itself.
    """
    return sorted(set(_expand(pattern)), key=natural_key)


def _expand(pattern: str) -> Iterator[str]:
    parts = pattern.split("/")
    if _ANY_DEPTH not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207 - the pattern may be absolute
        return
    at = parts.index(_ANY_DEPTH)
    before, after = "/".join(parts[:at]), "/".join(part for part in parts[at + 1 :] if part)
    # Python's own ** follows links to folders: two loops of links would keep it busy for ever.
    tops = _expand(before) if before else [""] if at == 0 else ["/"]
    for top in tops:
        if not after:
            yield top or "."
            continue
        for folder in _folders_below(top):
            yield from _expand(os.path.join(glob.escape(folder), after))  # noqa: PTH118 - "" must stay ""


def _folders_below(top: str) -> Iterator[str]:
    """``top`` and its subfolders at any depth; those that can't be listed are left out."""
    yield top
    for parent, folders, _ in os.walk(top or "."):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            path = os.path.join(parent, name)  # noqa: PTH118 - it is shown to the user as it was named
            if not os.path.islink(path):  # noqa: PTH114
                yield path if top else os.path.relpath(path)


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key by which photo 2 comes before photo 10; names that differ in zeros or case only keep one order."""
    parts = [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in _DIGITS.split(name) if part
    ]
    return parts, name
