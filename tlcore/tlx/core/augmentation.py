"""How the views of a photo may differ from it: ranges as data, and what is drawn from them for one view.

A view is a pure function of the photo, the ranges of an :class:`Augmentation`, and a :class:`ViewKey` (seed, the
photo's hash, number of the view). Any process can make any view again, in any order, so features of views can be
cached and a training resumed exactly. View 0 is the photo as the model sees it in the field: the plain resize.
:mod:`tlx.core.views` makes the pixels.

The random numbers come from SHAKE-256 over the view's key, so they are the same on all machines and with all versions
of NumPy.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tlx.errors import InputError

Fill = Literal["nearest", "reflect"]

FORMAT: Final = 1
"""Raised whenever the same arguments begin to give other pixels; part of :attr:`Augmentation.key`."""

_LIMITS: Final = {
    "rotation_degrees": 180.0,
    "width_shift": 1.0,
    "height_shift": 1.0,
    "shear_degrees": 60.0,
    "zoom": 0.9,
    "brightness": 1.0,
    "contrast": 1.0,
    "saturation": 1.0,
}


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far the views of a photo may differ from it; every amount is drawn evenly from its range.

    Attributes:
        rotation_degrees: Turned by up to this, either way.
        width_shift: Moved sideways by up to this share of the width.
        height_shift: The same, up or down, of the height.
        shear_degrees: The rows' direction is tilted by up to this against the columns', either way, as Keras's
            ``ImageDataGenerator`` does with ``shear_range``.
        zoom: Height and width, each on its own, show 1 - ``zoom`` to 1 + ``zoom`` times the plain extent.
        horizontal_flip: Half of the views are mirrored.
        fill: What continues the picture beyond its edge: its ``nearest`` pixel, or its mirror image (``reflect``).
        brightness: Up to this share of white is added or taken away.
        contrast: Distances from the mean of each channel are multiplied by 1 - ``contrast`` to 1 + ``contrast``.
        saturation: Distances from gray are multiplied by 1 - ``saturation`` to 1 + ``saturation``.

    Raises:
        InputError: If an amount is outside of what makes sense.
    """

    rotation_degrees: float = 0.0
    width_shift: float = 0.0
    height_shift: float = 0.0
    shear_degrees: float = 0.0
    zoom: float = 0.0
    horizontal_flip: bool = False
    fill: Fill = "nearest"
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            amount = getattr(self, name)
            if not 0 <= amount <= limit:
                raise InputError(f"augmentation: expected {name} from 0 to {limit:g}, got {amount}")
        if self.fill not in get_args(Fill):
            raise InputError(f"augmentation: expected fill to be {' or '.join(get_args(Fill))}, got {self.fill!r}")

    @property
    def key(self) -> str:
        """A name for the pixels that these ranges lead to, as part of a cache's key; view 0 doesn't depend on it."""
        amounts = {name: float(getattr(self, name)) for name in _LIMITS}
        parts = (FORMAT, *sorted(amounts.items()), bool(self.horizontal_flip), self.fill)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


NONE: Final = Augmentation()
"""Every view is the plain resize."""

BOOK: Final = Augmentation(
    rotation_degrees=40.0,
    width_shift=0.2,
    height_shift=0.2,
    shear_degrees=math.degrees(0.2),
    zoom=0.2,
    horizontal_flip=True,
)
"""The ranges of F. Chollet, *Deep Learning with Python*, 1st edition, sections 5.2.5 and 5.3.

Its ``shear_range=0.2`` means radians, 11.46 degrees: the book was written with Keras 2.0.8, whose
``keras/preprocessing/image.py`` hands the number to ``np.sin`` as it is ("shear angle in radians"). Keras 2.1.3
(pull request #8868) changed the unit, so that the book's code run today shears by 0.2 degrees, which is nothing.
Keras 2.0.8 also took the nearest pixel wherever it resampled; here ``resize`` decides that (:mod:`tlx.core.views`).
"""

DEFAULT: Final = Augmentation(
    rotation_degrees=15.0,
    width_shift=0.1,
    height_shift=0.1,
    shear_degrees=5.0,
    zoom=0.15,
    horizontal_flip=True,
    brightness=0.1,
    contrast=0.2,
    saturation=0.2,
)
"""For photos of animals and things: as people hold cameras, in the light that they find."""


@dataclass(frozen=True, slots=True)
class ViewKey:
    """Which view of which photo.

    Attributes:
        photo_sha256: Hash of the photo's file, in hex.
        number: 0 is the plain resize, 1 and higher are random.
    """

    seed: int
    photo_sha256: str
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"expected a view's number of at least 0, got {self.number}")


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to the photo for one view; as it stands here, nothing.

    Attributes:
        rotation_degrees: Counter-clockwise.
        shift_right: Share of the width.
        shift_down: Share of the height.
        shear_degrees: See :class:`Augmentation`; a positive one lowers the right side.
        zoom_x: Share of the width that is shown; above 1 makes things smaller.
        zoom_y: The same of the height.
        flip: Mirrored left to right, after all the others.
        brightness: Share of white that is added.
        contrast: Factor.
        saturation: Factor.
    """

    rotation_degrees: float = 0.0
    shift_right: float = 0.0
    shift_down: float = 0.0
    shear_degrees: float = 0.0
    zoom_x: float = 1.0
    zoom_y: float = 1.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0

    @property
    def is_straight(self) -> bool:
        """Whether rows stay rows and nothing is moved, apart from the mirror."""
        geometry = (self.rotation_degrees, self.shift_right, self.shift_down, self.shear_degrees)
        return not any(geometry) and self.zoom_x == self.zoom_y == 1


def change_for(key: ViewKey, augmentation: Augmentation) -> Change:
    """Draw what is done to the photo for one view."""
    if key.number == 0:
        return Change()
    words = f"view {key.seed} {key.photo_sha256} {key.number}".encode()
    # The order is part of the format: what is added later comes last, so that the others keep their numbers.
    names = ("rotation", "right", "down", "shear", "zoom_x", "zoom_y", "flip", "brightness", "contrast", "saturation")
    bits = struct.unpack(f"<{len(names)}Q", hashlib.shake_256(words).digest(8 * len(names)))
    unit = dict(zip(names, (value / 2**64 for value in bits), strict=True))
    swing = {name: 2 * value - 1 for name, value in unit.items()}
    return Change(
        rotation_degrees=augmentation.rotation_degrees * swing["rotation"],
        shift_right=augmentation.width_shift * swing["right"],
        shift_down=augmentation.height_shift * swing["down"],
        shear_degrees=augmentation.shear_degrees * swing["shear"],
        zoom_x=1 + augmentation.zoom * swing["zoom_x"],
        zoom_y=1 + augmentation.zoom * swing["zoom_y"],
        flip=augmentation.horizontal_flip and unit["flip"] < 0.5,  # noqa: PLR2004 - half of them
        brightness=augmentation.brightness * swing["brightness"],
        contrast=1 + augmentation.contrast * swing["contrast"],
        saturation=1 + augmentation.saturation * swing["saturation"],
    )
