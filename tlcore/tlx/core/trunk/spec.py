"""What the cached output of frozen layers depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from tlx.contract import ResizeMethod
from tlx.core.augmentation import Augmentation
from tlx.core.recipes.layers import LAST_LAYER
from tlx.core.recipes.recipe import Preprocessing

FORMAT = 2


class View(NamedTuple):
    """One view of one photo, by the photo's content hash (hex); number 0 is the plain resize."""

    photo_sha256: str
    number: int


@dataclass(frozen=True, slots=True)
class TrunkSpec:
    """All that features depend on beside the photo and the number of its view.

    Attributes:
        weights_sha256: Of the frozen layers.
        layer: Whose output is kept.
        dtype: In which the frozen layers compute: Keras's name of a dtype policy.
    """

    weights_sha256: str
    size_hw: tuple[int, int]
    preprocessing: Preprocessing
    resize: ResizeMethod
    layer: str = LAST_LAYER
    dtype: str = "float32"

    def key(self, views: tuple[Augmentation, int] | None = None) -> str:
        """A name for the folder of these features.

        Args:
            views: Ranges and seed of the augmented views; ``None`` for the plain ones, which depend on neither.
        """
        varied = None if views is None else (views[0].key, views[1])
        parts = (
            FORMAT,
            self.weights_sha256,
            self.size_hw,
            self.preprocessing,
            self.resize,
            self.layer,
            self.dtype,
            varied,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
