"""From photo files to probabilities, whatever model it is: decoding runs ahead of the model, in threads."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tlx.core.evaluation.predictors import Images, ModelSpec, Predictor, Probabilities
from tlx.errors import ImageError
from tlx.images import decode, read_bytes, resize
from tlx.progress import Progress, silent
from tlx.runtime.background import map_ahead
from tlx.runtime.processors import usable_processors

_LARGEST_BATCH: Final = 32
_BATCH_PIXELS: Final = 2**20
"""Bounds the model's own memory, too: VGG16's first layers need some 500 bytes for each pixel of a batch."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of photo files.

    Attributes:
        places: The places of the files that could be read, in order.
        probabilities: ``float32 [len(places), classes]``, a row for each of them.
        sha256: The content hash (hex) of each of them.
        unreadable: What is wrong with each of the others, in order.
    """

    places: tuple[int, ...]
    probabilities: Probabilities
    sha256: tuple[str, ...]
    unreadable: tuple[ImageError, ...]


@dataclass(frozen=True, slots=True)
class _Picture:
    place: int
    image_rgb: Images
    sha256: str


def predict_files(predictor: Predictor, paths: Sequence[Path], progress: Progress = silent) -> Predictions:
    """Classify photo files; those that can't be read are left out.

    At most three batches of resized pictures are in memory, however many files there are.

    Args:
        predictor: The model.
        paths: The files.
        progress: Told how many files are done.

    Raises:
        ModelFileError: As :meth:`Predictor.predict` does.
    """
    places: list[int] = []
    hashes: list[str] = []
    rows = [np.empty((0, len(predictor.spec.labels)), np.float32)]
    unreadable: list[ImageError] = []
    with closing(_batches(predictor.spec, paths)) as batches:
        for batch in batches:
            pictures = [result for result in batch if isinstance(result, _Picture)]
            unreadable += [result for result in batch if isinstance(result, ImageError)]
            if pictures:
                rows.append(predictor.predict(np.stack([picture.image_rgb for picture in pictures])))
            places += [picture.place for picture in pictures]
            hashes += [picture.sha256 for picture in pictures]
            progress("classifying photos", len(places) + len(unreadable), len(paths))
    return Predictions(tuple(places), np.concatenate(rows), tuple(hashes), tuple(unreadable))


def batch_size(size_hw: tuple[int, int]) -> int:
    """How many pictures go through a model at once."""
    return min(_LARGEST_BATCH, max(1, _BATCH_PIXELS // (size_hw[0] * size_hw[1])))


def _batches(spec: ModelSpec, paths: Sequence[Path]) -> Generator[list[_Picture | ImageError], None, None]:
    def load(job: tuple[int, Path]) -> _Picture | ImageError:
        place, path = job
        try:
            content = read_bytes(path)
            image_rgb = resize(decode(content, path), spec.size_hw, spec.resize)
        except ImageError as error:
            return error
        return _Picture(place, image_rgb, hashlib.sha256(content).hexdigest())

    size = batch_size(spec.size_hw)
    batch: list[_Picture | ImageError] = []
    with closing(map_ahead(load, enumerate(paths), workers=usable_processors(), ahead=size)) as results:
        for result in results:
            batch.append(result)
            if len(batch) == size:
                yield batch
                batch = []
    if batch:
        yield batch
