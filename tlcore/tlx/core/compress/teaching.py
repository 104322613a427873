"""What the smaller network learns from: views of the training photos, with what the original says of each.

The original's frozen part is most of its work, and a training that fine-tuned it has left the features of just these
views in the cache (:mod:`tlx.core.trunk`): where they are still there, only the layers above run. What it says is a
few numbers a view, so it's kept in memory; pixels are kept on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.core.augmentation import NONE
from tlx.core.compress.source import Source
from tlx.core.photos import Photo
from tlx.core.recipes.layers import PIXELS
from tlx.core.recipes.presets import DEFAULT_PRESET, find_preset
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

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the original says of some views.

    Attributes:
        probabilities: ``[N, classes]``.
        hints: Of some layers by name, the mean of each channel over the picture: ``[N, channels]``.
    """

    probabilities: Array
    hints: Mapping[str, Array]


@dataclass(slots=True)
class Teaching:
    """Views and answers, made when they are first asked for.

    Attributes:
        size_hw: Of the smaller network's input.
        hint_layers: Whose channels the smaller network is to imitate.
    """

    source: Source
    place: CachePlace
    size_hw: tuple[int, int]
    hint_layers: tuple[str, ...]
    dtype: str = "float32"
    _answers: dict[tuple[int, int], Answers] = field(default_factory=dict)
    _original: _Original | None = None

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

    def answers(self, photos: Sequence[Photo], number: int, progress: Progress = silent) -> Answers:
        """What the original says of one view of each photo.

        Raises:
            ImageError: If a photo can't be read any more.
            OutputError: If the cache can't be written.
        """
        key = (number, hash(tuple(photo.sha256 for photo in photos)))
        if key not in self._answers:
            self._original = self._original or _Original(self.source, self.place, self.hint_layers, self.dtype)
            self._answers[key] = self._original.answers(photos, number, progress)
        return self._answers[key]


class _Original:
    """The original in two parts: what a training may have cached the output of, and the rest with its hints."""

    def __init__(self, source: Source, place: CachePlace, hint_layers: tuple[str, ...], dtype: str) -> None:
        keras = import_keras()
        model, recipe, record = source.model, source.run.recipe, source.run.record
        cut = recipe.cut_layer
        names = [layer.name for layer in model.layers]
        self._hint_layers = hint_layers
        features = model.inputs[0] if cut == PIXELS else model.get_layer(cut).output
        trunk = None
        if cut != PIXELS:
            trunk = keras.Model(model.inputs, features, name="trunk")
            trunk.compile(jit_compile=prediction_jit())
        spec = TrunkSpec(
            weights_sha256=record.weights.sha256,
            size_hw=recipe.size_hw,
            preprocessing=recipe.preprocessing,
            resize=recipe.resize,
            layer=cut,
            dtype=dtype,
        )
        self._features = TrunkFeatures(trunk, spec, _view_maker(source), place)
        taken = keras.Input(tuple(features.shape[1:]), dtype=features.dtype, name="features")
        tensor, outputs = taken, {}
        if cut in hint_layers:
            outputs[cut] = keras.layers.GlobalAveragePooling2D()(tensor)
        for layer in model.layers[names.index(cut) + 1 :]:
            tensor = layer(tensor)
            if layer.name in hint_layers:
                outputs[layer.name] = keras.layers.GlobalAveragePooling2D()(tensor)
        self._tail = keras.Model(taken, {**outputs, "probabilities": tensor}, name="tail")
        self._tail.compile(jit_compile=prediction_jit())

    def answers(self, photos: Sequence[Photo], number: int, progress: Progress) -> Answers:
        rows = self._features.rows(photos, number, progress)
        parts: list[dict[str, Any]] = []
        for start in range(0, len(photos), _BATCH):
            taken = rows.take(range(start, min(start + _BATCH, len(photos))))
            outputs = self._tail.predict_on_batch(taken)
            parts.append({name: np.asarray(value, np.float32) for name, value in outputs.items()})
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        probabilities = class_probabilities(whole.pop("probabilities"))
        return Answers(probabilities, {name: whole[name] for name in self._hint_layers if name in whole})


def _view_maker(source: Source) -> ViewMaker:
    """The training's own views; those of ``default`` for a run that was trained without any."""
    run = source.run
    augmentation = run.recipe.augmentation if run.recipe.is_augmented else NONE
    if augmentation == NONE:
        augmentation = find_preset(DEFAULT_PRESET).augmentation
    return ViewMaker(augmentation, run.record.seed, run.recipe.size_hw, run.recipe.resize)


def default_hint_layers(source: Source) -> tuple[str, ...]:
    """The last convolution of the two last blocks: what the head takes, and what that is made of."""
    network = source.network
    ends = [layer.name for layer in network.convolutions if layer.pooled]
    cut = source.run.recipe.cut_layer
    known = [layer.name for layer in source.model.layers]
    after_cut = known[known.index(cut) if cut != PIXELS else 0 :]
    pools = {name: _pool_of(source, name) for name in ends}
    return tuple(pools[name] for name in ends[-2:] if pools[name] in after_cut)


def _pool_of(source: Source, convolution: str) -> str:
    names = [layer.name for layer in source.model.layers]
    return str(names[names.index(convolution) + 1])
