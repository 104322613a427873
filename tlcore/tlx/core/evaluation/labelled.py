"""The labelled photos that a model is evaluated on: from a folder, or those that a run kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.core.photos import SPLIT_FOLDERS, Split, folders_in, label_of, photos_below
from tlx.core.runs import Run
from tlx.errors import DataError

DEFAULT_SPLIT: Final[Split] = "validation"
_LABELS_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo's file (not read yet) and its true label."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    """What is evaluated on.

    Attributes:
        root: The folder that was named, or that the run was trained on.
        split: The part of it; None for all of a folder that has no parts.
        photos: Sorted by label and path; at least one.
    """

    root: Path
    split: Split | None
    photos: tuple[LabelledPhoto, ...]


def photos_in_folder(root: Path, labels: Sequence[str], split: Split | None = None) -> LabelledPhotos:
    """List the labelled photos of a folder.

    Args:
        root: Holds one folder of photos for each class, or such folders below ``train``, ``validation``, ``test``.
        labels: The model's.
        split: Which of those parts; ``validation`` if left out.

    Raises:
        DataError: If there is no such folder or part, no photo in it, or one under a label that the model
            doesn't know.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}: name a folder that holds one folder of photos for each class")
    folder, found_split = root, None
    parts = _split_folders(root, labels)
    if parts:
        found_split = split or DEFAULT_SPLIT
        folder = _only_part(root, parts, found_split)
    elif split is not None:
        raise DataError(f"{root}: has no folder {split}: leave out --split, or name the folder that holds it")
    photos = tuple(_labelled(folder))
    _require_known_labels(folder, photos, labels)
    return LabelledPhotos(root, found_split, photos)


def photos_of_run(run: Run, split: Split | None = None) -> LabelledPhotos:
    """List the photos that a run recorded for a split (``validation`` if left out), as they lay at its time.

    Raises:
        DataError: If it recorded none, or none of them is still there.
    """
    split = split or DEFAULT_SPLIT
    photos = tuple(LabelledPhoto(photo.path, photo.label) for photo in run.photos(split))
    root = Path(run.record.data.root)
    if not photos:
        raise DataError(f"{run.folder}: the run has no {split} photos: name a folder of labelled photos")
    if not any(photo.path.is_file() for photo in photos):
        raise DataError(
            f"none of the run's {len(photos)} {split} photos is still at {root}: name a folder of labelled photos"
        )
    return LabelledPhotos(root, split, photos)


def _split_folders(root: Path, labels: Sequence[str]) -> list[Path]:
    """The folders in ``root`` that stand for a split; none if one of the model's classes lies there."""
    children = folders_in(root)
    if any(label_of(child.name) in labels for child in children):
        return []
    return [child for child in children if child.name.lower() in SPLIT_FOLDERS]


def _only_part(root: Path, parts: Sequence[Path], split: Split) -> Path:
    matching = [part for part in parts if SPLIT_FOLDERS[part.name.lower()] == split]
    if not matching:
        names = ", ".join(part.name for part in parts)
        raise DataError(f"{root}: has no folder for {split}, only {names}: name one of them with --split")
    if len(matching) > 1:
        names = " and ".join(part.name for part in matching)
        raise DataError(f"{root}: two folders stand for {split} ({names}): name the folder itself")
    return matching[0]


def _labelled(folder: Path) -> Iterator[LabelledPhoto]:
    for child in folders_in(folder):
        for path in photos_below(child):
            yield LabelledPhoto(path, label_of(child.name))


def _require_known_labels(folder: Path, photos: Sequence[LabelledPhoto], labels: Sequence[str]) -> None:
    if not photos:
        raise DataError(
            f"{folder}: expected one folder of photos for each class ({_words(labels)}), found none that holds photos"
        )
    unknown = sorted({photo.label for photo in photos} - set(labels))
    if unknown:
        raise DataError(
            f"{folder}: the model knows the classes {_words(labels)}, these photos are also of {_words(unknown)}: "
            "rename or move away those folders"
        )


def _words(labels: Sequence[str]) -> str:
    named = ", ".join(labels[:_LABELS_NAMED])
    return f"{named} and {len(labels) - _LABELS_NAMED} more" if len(labels) > _LABELS_NAMED else named
