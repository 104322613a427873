"""What exported files say of photo files: each photo is decoded once and shown to all of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.contract import Contract
from tlx.errors import ImageError
from tlx.images import read, resize
from tlx.progress import Progress, silent
from tlx.runtime.background import map_ahead
from tlx.runtime.classifier import Classifier
from tlx.runtime.processors import usable_processors
from tlx.runtime.session import Device

_BATCH: Final = 16

_Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PhotoAnswers:
    """What one file says.

    Attributes:
        places: The places of the photos that could be read, in order.
        probabilities: ``float32 [len(places), classes]``.
        unreadable: What is wrong with each of the others, in order.
    """

    places: tuple[int, ...]
    probabilities: npt.NDArray[np.float32]
    unreadable: tuple[ImageError, ...]


def answer_photos(
    models: Sequence[Path], photos: Sequence[Path], *, device: Device = "cpu", progress: Progress = silent
) -> list[PhotoAnswers]:
    """Let every file classify all photos; those that can't be read are left out.

    Pictures wait in the models' own size, some forty of them however many photos there are.

    Args:
        models: One or more .onnx files of tlx, all in memory at once.
        photos: Files.
        device: Where the models run.
        progress: Told how many photos are done.

    Returns:
        The answers of each file.

    Raises:
        ModelFileError: If a model can't be used, or gives something else than probabilities.
        DeviceError: If the device isn't available.
    """
    classifiers = [Classifier.load(model, device) for model in models]
    rows = [[np.empty((0, len(classifier.contract.labels)), np.float32)] for classifier in classifiers]
    places: list[int] = []
    unreadable: list[ImageError] = []
    with closing(_batches([classifier.contract for classifier in classifiers], photos)) as batches:
        for batch in batches:
            read_here = {place: views for place, views in batch.items() if not isinstance(views, ImageError)}
            unreadable += [views for views in batch.values() if isinstance(views, ImageError)]
            places += read_here
            for number, classifier in enumerate(classifiers):
                predictions = classifier.classify_batch([views[number] for views in read_here.values()])
                if predictions:
                    rows[number].append(np.array([each.probabilities for each in predictions], np.float32))
            progress("classifying photos", len(places) + len(unreadable), len(photos))
    return [PhotoAnswers(tuple(places), np.concatenate(each), tuple(unreadable)) for each in rows]


def _batches(
    contracts: Sequence[Contract], photos: Sequence[Path]
) -> Generator[dict[int, list[_Pixels] | ImageError], None, None]:
    """A few photos at a time, by their places: a picture for each contract, or what is wrong with the file."""

    def load(photo: Path) -> list[_Pixels] | ImageError:
        try:
            picture_rgb = read(photo)
        except ImageError as error:
            return error
        return [resize(picture_rgb, contract.input.size_hw, contract.resize.method) for contract in contracts]

    batch: dict[int, list[_Pixels] | ImageError] = {}
    with closing(map_ahead(load, photos, workers=usable_processors(), ahead=_BATCH)) as results:
        for place, result in enumerate(results):
            batch[place] = result
            if len(batch) == _BATCH:
                yield batch
                batch = {}
    if batch:
        yield batch
