"""Which photos every engine classifies: chosen once by the bench."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from tlx.core.photos.folders import label_of
from tlx.errors import ImageError, InputError
from tlx.images import PHOTO_SUFFIXES, read


def find_photos(folder: Path) -> list[Path]:
    """All photos below a folder, in the order of their paths.

    Raises:
        InputError: If there is no such folder or it holds none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: name one that holds photos with --photos")
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not photos:
        raise InputError(f"{folder}: holds no photos ({', '.join(sorted(PHOTO_SUFFIXES))})")
    return photos


def choose_readable(photos: Sequence[Path], limit: int, seed: int) -> tuple[list[Path], list[ImageError]]:
    """Draw photos that can be decoded, by a seed.

    Returns:
        At most ``limit`` of them in the order of ``photos``, and what was wrong with those passed over.

    Raises:
        InputError: If none can be decoded.
    """
    chosen: list[int] = []
    problems: list[ImageError] = []
    for index in random.Random(seed).sample(range(len(photos)), len(photos)):
        if len(chosen) == limit:
            break
        try:
            read(photos[index])
        except ImageError as error:
            problems.append(error)
        else:
            chosen.append(index)
    if not chosen:
        raise InputError(f"none of {len(photos)} photos can be used; the first: {problems[0]}")
    return [photos[index] for index in sorted(chosen)], problems


def true_class(photo: Path, root: Path, labels: Sequence[str]) -> int | None:
    """The true label of a photo, from the folders that it lies in.

    Args:
        photo: A file below ``root``.
        root: The folder that the user named.
        labels: Those that the model knows.

    Returns:
        The label's place among the labels; None if the photo lies in no folder of a label.
    """
    # The nearest folder counts; the one that was named may itself be a label's.
    folders = [label_of(part) for part in (root.absolute().name, *photo.relative_to(root).parts[:-1])]
    return next((labels.index(folder) for folder in reversed(folders) if folder in labels), None)
