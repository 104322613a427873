"""Training recipes as data: what is trained, from which features, by which optimizer, for how long.

``book-features`` is section 5.3.1 of F. Chollet, *Deep Learning with Python*, 1st edition (Manning, 2017),
"fast feature extraction without data augmentation", with its exact numbers; the book reaches a validation
accuracy of 0.903.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from tlx.contract import ResizeMethod
from tlx.errors import InputError

Preprocessing = Literal["imagenet", "rescale"]
"""``imagenet``: subtract the mean of ImageNet's channels, as the weights were trained; ``rescale``: divide by 255."""

Pooling = Literal["average", "flatten"]


@dataclass(frozen=True, slots=True)
class Head:
    """The classifier on top of the convolutions: pooling → Dense(relu) → Dropout → Dense.

    Attributes:
        binary_sigmoid: For two classes: one sigmoid unit, as in the book, in place of two softmax units.
    """

    pooling: Pooling
    units: int
    dropout: float
    binary_sigmoid: bool


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training with one optimizer.

    Attributes:
        keep: ``last`` keeps the weights after the last epoch, as the book does; ``best`` those of the epoch
            with the lowest validation loss.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "rmsprop"]
    learning_rate: float
    keep: Literal["last", "best"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a training run does, apart from its photos and its seed."""

    name: str
    summary: str
    size_hw: tuple[int, int]
    preprocessing: Preprocessing
    head: Head
    phases: tuple[Phase, ...]
    resize: ResizeMethod = "area"

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Recipe:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            **{
                **document,
                "size_hw": tuple(document["size_hw"]),
                "head": Head(**document["head"]),
                "phases": tuple(Phase(**phase) for phase in document["phases"]),
            }
        )

    def changed(self, *, epochs: int | None = None, size: int | None = None) -> Recipe:
        """The same recipe for another length of its last phase or another (square) input size."""
        recipe = self
        if epochs is not None:
            last = dataclasses.replace(self.phases[-1], epochs=epochs)
            recipe = dataclasses.replace(recipe, phases=(*self.phases[:-1], last))
        if size is not None:
            recipe = dataclasses.replace(recipe, size_hw=(size, size))
        return recipe


PRESETS = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="features",
            summary="frozen VGG16 with ImageNet's own preprocessing, average-pooled head (the default)",
            size_hw=(150, 150),
            preprocessing="imagenet",
            head=Head(pooling="average", units=256, dropout=0.5, binary_sigmoid=False),
            phases=(Phase(name="head", epochs=30, batch_size=32, optimizer="adam", learning_rate=1e-3, keep="best"),),
        ),
        Recipe(
            name="book-features",
            summary="the book's fast feature extraction: pixels / 255, flattened features, RMSprop 2e-5, 30 epochs",
            size_hw=(150, 150),
            preprocessing="rescale",
            head=Head(pooling="flatten", units=256, dropout=0.5, binary_sigmoid=True),
            phases=(
                Phase(name="head", epochs=30, batch_size=20, optimizer="rmsprop", learning_rate=2e-5, keep="last"),
            ),
        ),
    )
}
DEFAULT_PRESET = "features"


def find_preset(name: str) -> Recipe:
    """Look a preset up by its name.

    Raises:
        InputError: If there is none; the message lists those that there are.
    """
    if name not in PRESETS:
        raise InputError(f"no preset {name!r}: expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
