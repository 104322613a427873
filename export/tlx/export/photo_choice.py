"""Which photos an export looks at, and what their folder is called."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

PARITY_PHOTOS: Final = 500
ACCURACY_PHOTOS: Final = 2000
"""Half a point shows on 600; more than this would take minutes on a slow device."""

_Item = TypeVar("_Item")


def choose_photos(photos: Sequence[_Item], limit: int = PARITY_PHOTOS) -> list[_Item]:
    """At most ``limit`` of the photos, drawn with a fixed seed, in their order."""
    if len(photos) <= limit:
        return list(photos)
    chosen = sorted(random.Random(0).sample(range(len(photos)), limit))
    return [photos[place] for place in chosen]


def common_folder(photos: Sequence[Path]) -> str:
    """The name of the folder that holds all photos; not its path, which is nobody else's business.

    Args:
        photos: At least one.
    """
    folders = {photo.resolve().parent for photo in photos}
    first = min(folders, key=lambda folder: len(folder.parts))
    while not all(folder.is_relative_to(first) for folder in folders):
        first = first.parent
    return first.name
