"""What is compressed: a run's network, taken apart, and the photos that it was trained and validated on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.core.compress.plain import PlainNetwork, read_network
from tlx.core.photos import Photo
from tlx.core.recipes.layers import PIXELS
from tlx.core.run_folder import balances_classes
from tlx.core.runs import Run
from tlx.core.training.devices import Compute, choose_compute
from tlx.errors import DataError, ImageError, InputError
from tlx.export.keras_model import load_keras_model
from tlx.progress import Progress, silent

MOST_HEAD_INPUTS: Final = 12_800
"""5 x 5 places of 512 channels: second moments and their copies for the elimination take about 6 GB."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run to compress.

    Attributes:
        model: Its ``keras.Model``.
        network: The same as plain arrays.
        photos: What is learned from: all training photos.
        held_back: Validation photos for choices; empty if nothing is chosen. Training photos would flatter the
            original, which has learned them, and so show a drop that isn't there.
        validation: Have the last word, and choose only if they refuse the fastest network: the other half of the
            validation photos, or all of them.
        is_balanced: Whether the original was trained with each class counting the same.
    """

    run: Run
    model: Any
    network: PlainNetwork
    photos: tuple[Photo, ...]
    held_back: tuple[Photo, ...]
    validation: tuple[Photo, ...]
    is_balanced: bool = False

    @property
    def cut_layer(self) -> str:
        """Up to where a training may have left features in the cache.

        They are known there by the weights that the training began with. A run that compression made has other ones,
        and is fast enough to begin with the pixels.
        """
        return PIXELS if self.run.record.compression else self.run.recipe.cut_layer

    @property
    def compute(self) -> Compute:
        """On what the smaller network learns and the original's frozen layers answer: as its training would run here.

        So the features that the training left are used. In float16 gradients would need loss scaling: 32 bits there.
        """
        compute = choose_compute(self.run.recipe.precision)
        return replace(compute, dtype="float32") if compute.dtype == "mixed_float16" else compute

    def resized(self, size: int | None) -> PlainNetwork:
        """The network for another input size.

        Raises:
            InputError: If its head takes one size only, or there is nothing left of the picture.
        """
        network = self.network
        if size is None or (size, size) == network.size_hw:
            return network
        if network.pooling != "average":
            raise InputError(f"--size {size}: the head of {self.run.folder.name} takes every pixel, so its size stays")
        smaller = replace(network, size_hw=(size, size))
        if min(smaller.last_hw) < 1 or size > max(network.size_hw):
            raise InputError(f"--size {size}: expected 32 to {max(network.size_hw)} pixels")
        return smaller

    def classes(self, photos: Sequence[Photo]) -> npt.NDArray[np.int32]:
        """Each photo's class by its place among the labels."""
        places = {label: place for place, label in enumerate(self.run.labels)}
        return np.array([places[photo.label] for photo in photos], np.int32)

    def weights(self, photos: Sequence[Photo]) -> npt.NDArray[np.float32] | None:
        """How much each photo counts in the loss, 1 in the mean; None if all count the same."""
        if not self.is_balanced:
            return None
        classes = self.classes(photos)
        counts = np.bincount(classes, minlength=len(self.run.labels))
        return (len(photos) / (np.count_nonzero(counts) * counts[classes])).astype(np.float32)


def open_source(run: Run, *, hold_back: bool, progress: Progress = silent) -> Source:
    """Load a run and make sure that its photos are what they were.

    Args:
        run: A finished one.
        hold_back: Keep half of the validation photos for choices.
        progress: Told of each photo.

    Raises:
        InputError: If the network is none that can be compressed.
        DataError: If photos are gone or have changed.
        RunError: If the run can't be read.
    """
    model = load_keras_model(run.model_path)
    network = read_network(model)
    require_head_that_fits(network)
    training, validation = run.photos("train"), run.photos("validation")
    _require_unchanged([*training, *validation], progress)
    chosen = [photo for photo in validation if hold_back and int(photo.sha256[:8], 16) % 2]
    hashes = {photo.sha256 for photo in chosen}
    judging = [photo for photo in validation if photo.sha256 not in hashes]
    if hold_back and any({photo.label for photo in half} != set(run.labels) for half in (chosen, judging)):
        raise DataError(
            f"{run.folder.name} has {len(validation)} validation photos: too few for two halves, one for the choice "
            "that --max-drop asks for and one for the last word; give --speedup or --latency-ms alone"
        )
    earlier = run.record.compression
    balanced = earlier.balanced if earlier else balances_classes(run.folder)
    return Source(run, model, network, tuple(training), tuple(chosen), tuple(judging), balanced)


def evenly(photos: Sequence[Photo], count: int) -> list[Photo]:
    """At most so many photos, evenly from all of them: they lie sorted by class."""
    count = min(count, len(photos))
    return [photos[place * len(photos) // count] for place in range(count)]


def require_head_that_fits(network: PlainNetwork) -> None:
    """Refuse a head of so many inputs that their moments alone would fill the memory.

    Raises:
        InputError: With what to do.
    """
    inputs = len(network.dense[0].kernel)
    if inputs > MOST_HEAD_INPUTS:
        raise InputError(
            f"the head takes {inputs:,} features, 'tlx compress' at most {MOST_HEAD_INPUTS:,}: train with a head that "
            "takes the mean of each channel (tlx train --preset default), or with smaller pictures (--size 150)"
        )


def _require_unchanged(photos: Sequence[Photo], progress: Progress) -> None:
    for number, photo in enumerate(photos):
        progress("checking photos", number, len(photos))
        try:
            same = hashlib.sha256(images.read_bytes(photo.path)).hexdigest() == photo.sha256
        except ImageError as error:
            raise DataError(f"{error}; compression learns from the photos that the run was trained on") from error
        if not same:
            raise DataError(f"{photo.path}: not the photo that the run was trained on any more: put it back, or train")
    progress("checking photos", len(photos), len(photos))
