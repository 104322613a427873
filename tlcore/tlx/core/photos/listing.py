"""The labelled photos of a folder by their names, before any file is opened."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlx.core.photos.folders import Contents, contents_below, contents_directly_in, folders_in, label_of, photos_below
from tlx.core.photos.layout import SPLIT_FOLDERS, Child, Layout, judge_layout, names_line
from tlx.core.photos.records import Problem, Split
from tlx.errors import DataError
from tlx.runtime.output.printable import printable

_SUFFIXES_NAMED = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that should be a photo; ``split`` is None where it's chosen by content."""

    path: Path
    label: str
    split: Split | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder's names say.

    Attributes:
        candidates: In the order of their folders and paths.
        unreadable: Links that lead nowhere, and folders that can't be opened.
        notes: Lines on what else lies there.
    """

    candidates: tuple[Candidate, ...]
    unreadable: tuple[Problem, ...]
    notes: tuple[str, ...]


def list_folder(root: Path) -> Listing:
    """List the photos of a folder with their labels.

    Raises:
        DataError: If there is no such folder, a label can't be read as text, or it isn't clear which folders are
            splits and which are classes.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}: name a folder that holds one folder of photos for each class")
    if not _is_text(str(root.resolve())):
        raise DataError(
            f"{printable(str(root))}: the path is recorded, but has control characters or isn't UTF-8: rename it"
        )
    children = folders_in(root)
    looked_at = [_child(folder) for folder in children]
    layout = judge_layout(root, looked_at)
    class_folders = _class_folders(children, layout)
    outside = [contents_directly_in(folder) for folder in (root, *(root / name for name in layout.parts))]
    inside = [contents_below(folder) for folder, _ in class_folders]
    candidates = [
        Candidate(path, _readable_label(folder), split)
        for (folder, split), contents in zip(class_folders, inside, strict=True)
        for path in contents.photos
    ]
    empty = [child.name for child in looked_at if layout.parts and child.is_empty]
    without = [folder for (folder, _), held in zip(class_folders, inside, strict=True) if not held.photos]
    empty += [str(folder.relative_to(root)) for folder in without]
    notes = (*layout.notes, *names_line("no photos in", empty), *_notes(outside, inside))
    return Listing(
        candidates=tuple(candidates),
        unreadable=tuple(problem for contents in (*outside, *inside) for problem in contents.unreadable),
        notes=tuple(printable(note) for note in notes),
    )


def _child(folder: Path) -> Child:
    if folder.name.lower() not in SPLIT_FOLDERS:
        # Only of a folder called like a split it matters where its photos lie.
        return Child(label_of(folder.name), has_photos=_any_photo(folder), folders=())
    held = tuple(label_of(child.name) for child in folders_in(folder) if _any_photo(child))
    return Child(folder.name, has_photos=bool(contents_directly_in(folder).photos), folders=held)


def _class_folders(children: Sequence[Path], layout: Layout) -> list[tuple[Path, Split | None]]:
    if not layout.parts:
        return [(folder, None) for folder in children]
    has_validation = "validation" in layout.parts.values()
    found: list[tuple[Path, Split | None]] = []
    for part in (folder for folder in children if folder.name in layout.parts):
        split = layout.parts[part.name]
        found += [(folder, split if has_validation or split == "test" else None) for folder in folders_in(part)]
    return found


def _any_photo(folder: Path) -> bool:
    return next(photos_below(folder), None) is not None


def _readable_label(folder: Path) -> str:
    label = label_of(folder.name)
    if not _is_text(label):
        raise DataError(
            f"{printable(str(folder))}: the folder's name becomes a label, but has control characters or isn't UTF-8: "
            "rename it"
        )
    return label


def _is_text(name: str) -> bool:
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)


def _notes(outside: Sequence[Contents], inside: Sequence[Contents]) -> list[str]:
    notes = []
    strays = [path for contents in outside for path in contents.photos]
    if strays:
        lie = "1 photo lies" if len(strays) == 1 else f"{len(strays)} photos lie"
        notes.append(f"{lie} outside the class folders and stay unused, the first: {strays[0]}")
    others = [path for contents in (*outside, *inside) for path in contents.others]
    return [*notes, *others_line(path.suffix.lower() for path in others)]


def others_line(suffixes: Iterable[str]) -> list[str]:
    """The line on files that aren't photos, the most frequent suffixes first; none if there are no such files."""
    counts = Counter(suffixes)
    total = counts.total()
    if not total:
        return []
    kinds = [suffix or "no suffix" for suffix, _ in counts.most_common(_SUFFIXES_NAMED)]
    named = ", ".join([*kinds, "…"] if len(counts) > len(kinds) else kinds)
    return [f"1 file is not a photo ({named})" if total == 1 else f"{total} files are not photos ({named})"]
