"""The photos on which the ranges of a network's layers are found: a balanced draw, read one batch at a time."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.contract import ResizeMethod
from tlx.errors import ImageError, InputError

CALIBRATION_PHOTOS: Final = 200


def choose_calibration_photos(photos: Sequence[Path], limit: int = CALIBRATION_PHOTOS) -> list[Path]:
    """Draw photos with a fixed seed, as many from each folder as it has and the others leave.

    Args:
        photos: Files; those in one folder are taken for one class.
        limit: The largest number to draw.

    Returns:
        The same photos for the same files, in whatever order they are named, the folders in turn.
    """
    folders: dict[Path, list[Path]] = defaultdict(list)
    for photo in sorted(set(photos)):
        folders[photo.parent].append(photo)
    for members in folders.values():
        random.Random(0).shuffle(members)
    in_turn = chain.from_iterable(zip_longest(*folders.values()))
    return [photo for photo in in_turn if photo is not None][:limit]


@dataclass(slots=True)
class CalibrationPhotos:
    """Photo files as a network's input; at most one batch is in memory.

    Attributes:
        photos_from: Their folder's name, for the contract.
        skipped: The reason by file, of those that couldn't be read so far.
    """

    files: Sequence[Path]
    size_hw: tuple[int, int]
    resize: ResizeMethod
    photos_from: str
    skipped: dict[Path, str] = field(default_factory=dict)

    def batches(self, size: int) -> Iterator[npt.NDArray[np.uint8]]:
        """Read all photos; may be called again.

        Args:
            size: Photos in a batch; the last one may have fewer.

        Yields:
            ``uint8 [n, H, W, 3]``, RGB, 0–255.

        Raises:
            InputError: At the end, if not one photo could be read.
        """
        batch: list[npt.NDArray[np.uint8]] = []
        nothing = True
        for file in self.files:
            try:
                batch.append(images.load(file, self.size_hw, self.resize))
            except ImageError as error:
                self.skipped[file] = error.reason
                continue
            nothing = False
            if len(batch) == size:
                yield np.stack(batch)
                batch = []
        if batch:
            yield np.stack(batch)
        if nothing:
            raise InputError(self._why_none())

    def _why_none(self) -> str:
        if not self.skipped:
            return "int8 needs photos to find the ranges of the layers: name a folder of them with --calibrate"
        file, reason = next(iter(self.skipped.items()))
        return (
            f"none of the {len(self.files)} photos for int8 can be read ({file.name}: {reason}): "
            "name a folder of others with --calibrate"
        )
