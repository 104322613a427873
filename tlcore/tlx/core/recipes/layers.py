"""VGG16's layers by name: what may train, and where the frozen part ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tlx.core.weights.layers import LAYER_SHAPES
from tlx.errors import InputError

CONVOLUTIONS: Final = tuple(LAYER_SHAPES)
"""The thirteen, in the order of the network."""
PIXELS: Final = "image"
"""The cut of a network in which everything trains."""
LAST_LAYER: Final = "block5_pool"


def check_layer(name: str) -> None:
    """Refuse what isn't a convolution of VGG16.

    Raises:
        InputError: With the names that there are.
    """
    if name not in CONVOLUTIONS:
        raise InputError(f"unfreeze_from: expected one of {', '.join(CONVOLUTIONS)}, got {name!r}")


def lowest(names: Iterable[str | None]) -> str | None:
    """The convolution of these that comes first in the network; ``None`` if there is none."""
    return min((name for name in names if name is not None), key=CONVOLUTIONS.index, default=None)


def cut_before(convolution: str | None) -> str:
    """The layer whose output the given convolution takes; that of the head for ``None``."""
    if convolution is None:
        return LAST_LAYER
    place = CONVOLUTIONS.index(convolution)
    if place == 0:
        return PIXELS
    block, number = _place(convolution)
    return f"block{block}_conv{number - 1}" if number > 1 else f"block{block - 1}_pool"


def _place(convolution: str) -> tuple[int, int]:
    block, number = convolution.removeprefix("block").split("_conv")
    return int(block), int(number)
