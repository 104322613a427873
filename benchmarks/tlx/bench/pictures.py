"""The pictures that every engine classifies: chosen once by the bench, made into arrays in each worker."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlx.bench.protocol import Setup
from tlx.errors import ImageError, InputError
from tlx.images import PHOTO_SUFFIXES, load, read
from tlx.known_answers import synthetic_picture

Images = npt.NDArray[np.uint8]


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


def load_batches(setup: Setup) -> list[Images]:
    """Decode and resize a worker's pictures.

    Returns:
        Batches ``uint8 [batch, H, W, 3]`` that cover every picture once; the last one is filled up from the
        beginning.
    """
    size_hw = (setup.size_hw[0], setup.size_hw[1])
    if setup.photos:
        pictures = [load(Path(photo), size_hw, setup.resize) for photo in setup.photos]
    else:
        pictures = [synthetic_picture(seed, size_hw) for seed in range(setup.synthetic)]
    stacked = np.stack(pictures)
    starts = range(0, len(stacked), setup.batch)
    return [stacked[np.arange(start, start + setup.batch) % len(stacked)] for start in starts]
