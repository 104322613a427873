"""Training recipes as data: which layers train, on which views, by which optimizer and schedule, for how long."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, Literal

from tlx.contract import ResizeMethod
from tlx.core.augmentation import NONE, Augmentation
from tlx.core.recipes.layers import check_layer, cut_before, lowest
from tlx.errors import InputError

Preprocessing = Literal["imagenet", "rescale"]
"""``imagenet``: subtract the mean of ImageNet's channels, as the weights were trained; ``rescale``: divide by 255."""

Pooling = Literal["average", "flatten"]
Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
Schedule = Literal["constant", "cosine"]
Keep = Literal["last", "best"]

STAGES: Final = ("check", "features", "validation")
"""What a training does beside its phases; its time is told apart by these names."""
_NAME_BYTES: Final = 100


@dataclass(frozen=True, slots=True)
class Head:
    """The classifier on top of the convolutions: pooling → Dense(relu) → Dropout → Dense.

    Attributes:
        units: Of the hidden layer; 0 leaves it out.
        dropout: Share of the hidden units that a training step leaves out, 0 to below 1.
        binary_sigmoid: For two classes: one sigmoid unit, as in the book, in place of two softmax units.
    """

    pooling: Pooling
    units: int
    dropout: float
    binary_sigmoid: bool

    def __post_init__(self) -> None:
        _require(self.units >= 0, "units: expected at least 0", self.units)
        _require(0 <= self.dropout < 1, "dropout: expected 0 to below 1", self.dropout)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training with one optimizer and one set of trainable layers.

    Attributes:
        epochs: Each shows every training photo once.
        learning_rate: The highest of the schedule.
        unfreeze_from: The first convolution that trains, with all that follow it; ``None``: the head alone.
        views: 0 shows the photos as they are; N goes through N augmented views of each, a view an epoch, again and
            again; ``fresh`` shows a new one each epoch.
        schedule: ``cosine`` falls to zero at the end of the phase.
        warmup_epochs: For how long the learning rate first rises from zero.
        weight_decay: Decoupled, for ``adamw``.
        label_smoothing: Share of each label that is spread over all classes.
        ema_decay: Above 0, the weights that are validated and kept are an exponential moving average over the steps.
        keep: ``last`` keeps the weights after the last epoch, as the book does; ``best`` those of the epoch
            with the lowest validation loss.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    unfreeze_from: str | None = None
    views: int | Literal["fresh"] = 0
    schedule: Schedule = "constant"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    ema_decay: float = 0.0
    keep: Keep = "last"

    def __post_init__(self) -> None:
        _require(bool(self.name), "name: expected some letters", self.name)
        stages = ", ".join(STAGES)
        _require(self.name not in STAGES, f"name: expected none of {stages}, which have their own times", self.name)
        _require(self.epochs >= 1, "epochs: expected at least 1", self.epochs)
        _require(self.batch_size >= 1, "batch_size: expected at least 1", self.batch_size)
        _require(self.learning_rate > 0, "learning_rate: expected more than 0", self.learning_rate)
        _require(self.views == "fresh" or self.views >= 0, "views: expected 'fresh' or at least 0", self.views)
        _require(
            0 <= self.warmup_epochs <= self.epochs, f"warmup_epochs: expected 0 to {self.epochs}", self.warmup_epochs
        )
        _require(self.weight_decay >= 0, "weight_decay: expected at least 0", self.weight_decay)
        _require(
            not self.weight_decay or self.optimizer == "adamw",
            "weight_decay: expected 0 (only adamw has it)",
            self.weight_decay,
        )
        _require(0 <= self.label_smoothing < 1, "label_smoothing: expected 0 to below 1", self.label_smoothing)
        _require(0 <= self.ema_decay < 1, "ema_decay: expected 0 to below 1", self.ema_decay)
        if self.unfreeze_from is not None:
            check_layer(self.unfreeze_from)

    def view_number(self, epoch: int, epochs_before: int) -> int:
        """Which view of each photo an epoch shows.

        Args:
            epoch: Of this phase, from 0.
            epochs_before: Of the phases before it.
        """
        if self.views == "fresh":
            return epochs_before + epoch + 1
        return 1 + epoch % self.views if self.views else 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what a training run does, apart from its photos, its seed and its device.

    Attributes:
        name: Becomes a part of the names of its runs' folders.
        augmentation: The ranges of all augmented views.
        precision: ``float32``; ``mixed`` computes in 16 bits what loses nothing by it; ``auto`` does so on devices
            that are faster at it. The finished model is ``float32`` all the same, and judged as such.
    """

    name: str
    summary: str
    size_hw: tuple[int, int]
    preprocessing: Preprocessing
    head: Head
    phases: tuple[Phase, ...]
    augmentation: Augmentation = NONE
    resize: ResizeMethod = "area"
    precision: Literal["auto", "float32", "mixed"] = "auto"

    def __post_init__(self) -> None:
        _require(
            _fits_into_file_name(self.name),
            rf"name: expected part of a folder's name (no / or \, no dot at its start, at most {_NAME_BYTES} bytes)",
            self.name,
        )
        _require(bool(self.phases), "phases: expected at least one", "none")
        names = [phase.name for phase in self.phases]
        _require(len(set(names)) == len(names), "phases: expected different names", ", ".join(names))

    @property
    def unfreeze_from(self) -> str | None:
        """The first convolution that any phase trains."""
        return lowest(phase.unfreeze_from for phase in self.phases)

    @property
    def cut_layer(self) -> str:
        """The last layer that never trains: its output is what is computed once for each view and kept."""
        return cut_before(self.unfreeze_from)

    @property
    def is_augmented(self) -> bool:
        """Whether any phase shows other views than the photos as they are."""
        return any(phase.views for phase in self.phases)

    def view_numbers(self) -> list[set[int]]:
        """The views that each phase shows."""
        numbers, before = [], 0
        for phase in self.phases:
            numbers.append({phase.view_number(epoch, before) for epoch in range(phase.epochs)})
            before += phase.epochs
        return numbers

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Recipe:
        """Read what :meth:`to_dict` wrote, also that of an earlier version."""
        return cls(
            **{
                **document,
                "size_hw": tuple(document["size_hw"]),
                "head": Head(**document["head"]),
                "phases": tuple(Phase(**phase) for phase in document["phases"]),
                "augmentation": Augmentation(**document.get("augmentation", {})),
            }
        )

    def changed(
        self, *, epochs: int | None = None, size: int | None = None, unfreeze_from: str | None = None
    ) -> Recipe:
        """The same recipe, changed where a person asked for it.

        Args:
            epochs: Another length of the last phase.
            size: Another (square) input size.
            unfreeze_from: Another first convolution for the phases that train any.

        Raises:
            InputError: If there is no such convolution or the recipe trains the head alone.
        """
        recipe = self
        if epochs is not None:
            last = recipe.phases[-1]
            warmup = min(last.warmup_epochs, epochs / 2)
            last = dataclasses.replace(last, epochs=epochs, warmup_epochs=warmup)
            recipe = dataclasses.replace(recipe, phases=(*recipe.phases[:-1], last))
        if size is not None:
            recipe = dataclasses.replace(recipe, size_hw=(size, size))
        if unfreeze_from is not None:
            check_layer(unfreeze_from)
            if recipe.unfreeze_from is None:
                raise InputError(
                    f"--unfreeze-from {unfreeze_from}: the recipe {recipe.name!r} trains the head alone: "
                    "choose a preset that fine-tunes"
                )
            phases = tuple(
                dataclasses.replace(phase, unfreeze_from=unfreeze_from) if phase.unfreeze_from else phase
                for phase in recipe.phases
            )
            recipe = dataclasses.replace(recipe, phases=phases)
        return recipe


def _fits_into_file_name(name: str) -> bool:
    if not name.isprintable() or name.startswith(".") or "/" in name or "\\" in name:
        return False
    return 0 < len(name.encode()) <= _NAME_BYTES


def _require(fulfilled: bool, expectation: str, got: object) -> None:  # noqa: FBT001 - reads as a sentence
    if not fulfilled:
        raise InputError(f"{expectation}, got {got!r}")
