"""Which files a folder holds, as people expect: links followed, hidden files and the litter of systems ignored."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.core.photos.records import Problem
from tlx.errors import DataError
from tlx.images import PHOTO_SUFFIXES

LITTER: Final = frozenset(
    {"$recycle.bin", "@eadir", "__macosx", "desktop.ini", "ehthumbs.db", "system volume information", "thumbs.db"}
)
"""Lower-case names of what systems leave behind; nobody wants to hear of it (``@eaDir`` even holds photos)."""

RUN_FILES: Final = (frozenset({"model.keras", "run.json"}), frozenset({"model.keras", "training.json"}))
"""A folder with these is a run of tlx, or one that was stopped while it was written, and holds no photos but plots:
``tlx train .`` writes its runs beside them."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The visible files of a folder, each part in the order of paths.

    Attributes:
        photos: By their suffix; also links to photos that lead nowhere.
        others: Files that aren't photos.
        unreadable: Other links that lead nowhere, and folders that can't be opened.
    """

    photos: tuple[Path, ...]
    others: tuple[Path, ...]
    unreadable: tuple[Problem, ...]


def label_of(folder: str) -> str:
    """The label that a folder's name stands for.

    One name has several spellings in Unicode, and systems differ in which they write (macOS: é as two characters);
    labels are always in the composed form, NFC.
    """
    return unicodedata.normalize("NFC", folder)


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in a folder (or linked there), sorted, without hidden ones and litter.

    Raises:
        DataError: If the folder can't be opened.
    """
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir() and not _is_ignored(child.name))
    except OSError as error:
        raise DataError(f"{folder}: the folder can't be opened ({error.strerror}): check its rights") from error


def photos_below(folder: Path) -> Iterator[Path]:
    """The photo files at any depth below a folder, in the order of paths, without hidden ones; links are followed."""
    return (path for path, refused in _walk(folder) if refused is None and _is_photo(path))


def contents_below(folder: Path) -> Contents:
    """What lies at any depth below a folder; links are followed."""
    return _sorted_out(_walk(folder))


def contents_directly_in(folder: Path) -> Contents:
    """What lies in a folder, without what its own folders hold."""
    return _sorted_out(_walk(folder, deep=False))


def _sorted_out(found: Iterable[tuple[Path, str | None]]) -> Contents:
    photos, others, unreadable = [], [], []
    for path, refused in found:
        if refused is not None:
            unreadable.append(Problem("unreadable", path, f"the folder can't be opened ({refused})"))
        elif _is_photo(path):
            photos.append(path)
        elif reason := broken_link(path):
            unreadable.append(Problem("unreadable", path, reason))
        else:
            others.append(path)
    return Contents(tuple(photos), tuple(others), tuple(unreadable))


def broken_link(path: Path) -> str | None:
    """What is wrong with a link that leads nowhere; None for anything else."""
    try:
        path.stat()
    except OSError:
        if path.is_symlink():
            return f"is a link to {path.readlink()}, which doesn't exist"
    return None


def _walk(folder: Path, *, deep: bool = True) -> Iterator[tuple[Path, str | None]]:
    """Give each visible file below a folder, and each folder that can't be opened with the reason.

    Each real folder is entered once, and none that holds ``folder`` itself, so links in a circle come to an end.
    """
    beside = folder.parent.resolve()
    entered = {beside, *beside.parents, *folder.resolve().parents}
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield path, None
            continue
        real = path.resolve()
        if real in entered:
            continue
        entered.add(real)
        try:
            with os.scandir(path) as entries:
                inside = [(entry.name, _leads_to_folder(entry)) for entry in entries if not _is_ignored(entry.name)]
        except OSError as error:
            yield path, error.strerror
            continue
        names = {name for name, _ in inside}
        if any(names >= files for files in RUN_FILES):
            continue
        waiting += [(path / name, leads) for name, leads in sorted(inside, reverse=True) if deep or not leads]


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in PHOTO_SUFFIXES
