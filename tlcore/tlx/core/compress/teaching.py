"""What the smaller network learns from: views of the training photos, with what the original says of each.

The original's frozen part is most of its work, and a training that fine-tuned it has left the features of just these
views in the cache (:mod:`tlx.core.trunk`): where they are still there, only the layers above run. What it says is a
few numbers a view, so it's kept in memory; pixels are kept on disk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.cache import cache_folder
from tlx.core.augmentation import NONE
from tlx.core.compress.plain import build_model
from tlx.core.compress.source import Source
from tlx.core.photos import Photo
from tlx.core.recipes.layers import PIXELS
from tlx.core.recipes.presets import DEFAULT_PRESET, find_preset
from tlx.core.trunk.budget import INDEX_BYTES, Need, measure_room, plan_room
from tlx.core.trunk.extraction import ViewMaker
from tlx.core.trunk.features import CachePlace, TrunkFeatures
from tlx.core.trunk.spec import TrunkSpec
from tlx.core.trunk.store import Rows
from tlx.export.frameworks import import_keras, prediction_jit
from tlx.export.keras_model import class_probabilities
from tlx.progress import Progress, silent

VIEWS: Final = 8
"""Of each photo, again and again, as in the training of ``default``."""
_BATCH: Final = 32
_MAPS_BYTES: Final = 2_000_000_000
"""For hints of every pixel; with more photos the mean over the picture has to do."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the original says of some views.

    Attributes:
        probabilities: ``[N, classes]``.
        hints: Of some layers by name, ``float16 [N, h, w, channels]`` or the mean over the picture, ``[N, channels]``.
    """

    probabilities: Array
    hints: Mapping[str, npt.NDArray[np.float16]]


@dataclass(slots=True)
class Teaching:
    """Views and answers, made when they are first asked for.

    Attributes:
        size_hw: Of the smaller network's input.
        channels: Of some layers by name, those that the smaller network is to imitate.
    """

    source: Source
    place: CachePlace
    size_hw: tuple[int, int]
    channels: Mapping[str, npt.NDArray[np.int64]]
    _answers: dict[tuple[int, int], Answers] = field(default_factory=dict)
    _original: _Original | None = None

    def imitating(self, channels: Mapping[str, npt.NDArray[np.int64]]) -> Teaching:
        """One that tells of these channels, too: this one if it does, else one that asks anew."""
        if all(name in self.channels and np.isin(kept, self.channels[name]).all() for name, kept in channels.items()):
            return self
        together = {name: np.union1d(self.channels.get(name, kept), kept) for name, kept in channels.items()}
        return Teaching(self.source, self.place, self.size_hw, together)

    def imitating_all(self, names: Iterable[str]) -> Teaching:
        """One that tells of all channels of these layers, so that it's asked once for all networks.

        This one if those are too many to be kept.
        """
        every = {name: np.arange(self.source.model.get_layer(name).output.shape[-1]) for name in names}
        teaching = Teaching(self.source, self.place, self.size_hw, every)
        return teaching if teaching.has_maps else self

    def unknown(self, photos: Sequence[Photo]) -> int:
        """How many views of the photos have no features of the original in the cache."""
        if self.source.cut_layer == PIXELS:
            return VIEWS * len(photos)
        features = TrunkFeatures(None, _trunk_spec(self.source), _view_maker(self.source), self.place)
        return sum(features.missing(photos, number) for number in range(1, VIEWS + 1))

    def pixels(self, photos: Sequence[Photo], number: int, progress: Progress = silent) -> Rows:
        """One view of each photo as the smaller network takes it: rows of ``uint8 [h, w, 3]``.

        Raises:
            ImageError: If a photo can't be read any more.
            OutputError: If the cache can't be written.
        """
        recipe = self.source.run.recipe
        maker = replace(_view_maker(self.source), size_hw=self.size_hw)
        # Pixels depend on no weights and no layer.
        spec = TrunkSpec("", self.size_hw, recipe.preprocessing, recipe.resize, PIXELS)
        return TrunkFeatures(None, spec, maker, self.place).rows(photos, number, progress)

    @property
    def has_maps(self) -> bool:
        """Whether hints are of every pixel: those of a smaller input's wouldn't lie on those of the original's."""
        shapes = {name: self.source.model.get_layer(name).output.shape for name in self.channels}
        cells = sum(shapes[name][1] * shapes[name][2] * len(chosen) for name, chosen in self.channels.items())
        fits = 2 * cells * len(self.source.photos) * VIEWS <= _MAPS_BYTES
        return self.size_hw == self.source.run.recipe.size_hw and fits

    def answers(self, photos: Sequence[Photo], number: int, progress: Progress = silent) -> Answers:
        """What the original says of one view of each photo.

        Raises:
            ImageError: If a photo can't be read any more.
            OutputError: If the cache can't be written.
        """
        key = (number, hash(tuple(photo.sha256 for photo in photos)))
        if key not in self._answers:
            self._original = self._original or _Original(self)
            self._answers[key] = self._original.answers(photos, number, progress)
        return self._answers[key]

    def answer_all(self, photos: Sequence[Photo], progress: Progress = silent) -> Answers:
        """Make all that is learned from: the pixels and answers of all views; gives the answers of the last one.

        Raises:
            ImageError: If a photo can't be read any more.
            OutputError: If the cache can't be written.
        """
        for number in range(1, VIEWS + 1):
            self.pixels(photos, number, progress)
            answers = self.answers(photos, number, progress)
        return answers


class _Original:
    """The original in two parts: what a training may have cached the output of, and the rest with its hints."""

    def __init__(self, teaching: Teaching) -> None:
        keras = import_keras()
        source = teaching.source
        model = source.model
        cut = source.cut_layer
        names = [layer.name for layer in model.layers]
        self._channels = teaching.channels
        features = model.inputs[0] if cut == PIXELS else model.get_layer(cut).output
        trunk = None
        if cut != PIXELS:
            whole = build_model(source.network, dtype=source.compute.dtype)
            trunk = keras.Model(whole.inputs, whole.get_layer(cut).output, name="trunk")
            trunk.compile(jit_compile=prediction_jit())
        self._features = TrunkFeatures(trunk, _trunk_spec(source), _view_maker(source), teaching.place)
        taken = keras.Input(tuple(features.shape[1:]), dtype=features.dtype, name="features")
        tensor, outputs = taken, {}
        hint = (lambda maps: maps) if teaching.has_maps else keras.layers.GlobalAveragePooling2D()
        if cut in teaching.channels:
            outputs[cut] = hint(tensor)
        for layer in model.layers[names.index(cut) + 1 :]:
            tensor = layer(tensor)
            if layer.name in teaching.channels:
                outputs[layer.name] = hint(tensor)
        self._tail = keras.Model(taken, {**outputs, "probabilities": tensor}, name="tail")
        self._tail.compile(jit_compile=prediction_jit())

    def answers(self, photos: Sequence[Photo], number: int, progress: Progress) -> Answers:
        rows = self._features.rows(photos, number, progress)
        parts: list[dict[str, Any]] = []
        progress("asking the original", 0, len(photos), f"view {number}")
        for start in range(0, len(photos), _BATCH):
            outputs = self._tail.predict_on_batch(rows.take(range(start, min(start + _BATCH, len(photos)))))
            part = {
                name: np.asarray(outputs[name])[..., kept].astype(np.float16) for name, kept in self._channels.items()
            }
            parts.append({**part, "probabilities": np.asarray(outputs["probabilities"], np.float32)})
            progress("asking the original", min(start + _BATCH, len(photos)), len(photos), f"view {number}")
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        probabilities = class_probabilities(whole.pop("probabilities"))
        return Answers(probabilities, whole)


def plan_place(source: Source, size_hw: tuple[int, int], limit_gb: float) -> CachePlace:
    """Where views lie, and how much they may take.

    Args:
        source: The original and all photos.
        size_hw: Of the smaller network's input.
        limit_gb: For all that the cache holds.

    Raises:
        OutputError: If not even one view of each photo fits.
    """
    view_bytes = 3 * math.prod(size_hw) + 2 * INDEX_BYTES
    if source.cut_layer != PIXELS:
        maps = source.model.get_layer(source.cut_layer).output.shape[1:]
        view_bytes += math.prod(maps) * np.dtype(np.float16).itemsize
    root, photos = cache_folder() / "trunk", len(source.photos) + len(source.held_back) + len(source.validation)
    need = Need(at_once_bytes=photos * view_bytes, total_bytes=photos * view_bytes * VIEWS)
    return CachePlace(root, plan_room(need, measure_room(root, limit_gb)).limit_bytes)


def _trunk_spec(source: Source) -> TrunkSpec:
    recipe = source.run.recipe
    return TrunkSpec(
        weights_sha256=source.run.record.weights.sha256,
        size_hw=recipe.size_hw,
        preprocessing=recipe.preprocessing,
        resize=recipe.resize,
        layer=source.cut_layer,
        dtype=source.compute.dtype,
    )


def _view_maker(source: Source) -> ViewMaker:
    """The training's own views; those of ``default`` for a run that was trained without any."""
    run = source.run
    augmentation = run.recipe.augmentation if run.recipe.is_augmented else NONE
    if augmentation == NONE:
        augmentation = find_preset(DEFAULT_PRESET).augmentation
    return ViewMaker(augmentation, run.record.seed, run.recipe.size_hw, run.recipe.resize)


def hint_layers(source: Source) -> dict[str, int]:
    """The poolings of the last two blocks, as far as they come after the cached part: name and its convolution's place.

    What the head takes, and what that is made of.
    """
    names = [layer.name for layer in source.model.layers]
    cut = source.cut_layer
    first = 0 if cut == PIXELS else names.index(cut)
    places = [place for place, layer in enumerate(source.network.convolutions) if layer.pooled][-2:]
    pools = {names[names.index(source.network.convolutions[place].name) + 1]: place for place in places}
    return {name: place for name, place in pools.items() if names.index(name) >= first}
