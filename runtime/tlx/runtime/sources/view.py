"""Which part of a picture is looked at, and which way up: for cameras as they are really mounted.

The picture is turned first; the region is then one of the turned picture.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.errors import ImageError, InputError
from tlx.runtime.frames import Frame

TURNS: Final = (0, 90, 180, 270)
"""Degrees, clockwise."""

_NUMBER: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(%?)")
_PARTS: Final = 4
_WHOLE: Final = 100.0
_EXAMPLE: Final = "X,Y,WIDTH,HEIGHT in pixels as in 0,120,640,360, or all in percent as in 10%,10%,80%,80%"


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in a picture.

    Attributes:
        x: Of its left edge, from the picture's.
        y: Of its upper edge, from the picture's.
        width: More than 0.
        height: More than 0.
        in_percent: Whether these are percents of the picture's width and height; whole pixels otherwise.
    """

    x: float
    y: float
    width: float
    height: float
    in_percent: bool = False

    def __str__(self) -> str:
        sign = "%" if self.in_percent else ""
        return ",".join(f"{value:g}{sign}" for value in (self.x, self.y, self.width, self.height))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels, from ``left`` and ``top`` up to, and without, ``right`` and ``bottom``."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class View:
    """How pictures are looked at.

    Attributes:
        rotate: One of :data:`TURNS`: by how much they are turned clockwise, before all else.
        roi: The region of the turned picture that is classified; all of it if left out.
    """

    rotate: int = 0
    roi: Region | None = None

    def __post_init__(self) -> None:
        if self.rotate not in TURNS:
            raise InputError(f"a picture is turned by 0, 90, 180 or 270 degrees clockwise, received {self.rotate}")


PLAIN: Final = View()
"""All of the picture, as it comes."""


def parse_region(text: str) -> Region:
    """What ``--roi`` says.

    Raises:
        InputError: If it isn't four numbers, all in pixels or all in percent, or nothing is in it.
    """
    parts = [part.strip() for part in text.split(",")]
    matches = [_NUMBER.fullmatch(part) for part in parts]
    if len(parts) != _PARTS or None in matches:
        raise InputError(f"a region is {_EXAMPLE}, received {text!r}")
    values = [float(match[1]) for match in matches if match]
    signs = {match[2] for match in matches if match}
    if len(signs) > 1:
        raise InputError(f"a region is all in pixels or all in percent, received {text!r}")
    in_percent = signs == {"%"}
    region = Region(values[0], values[1], values[2], values[3], in_percent)
    if not in_percent and any(value != int(value) for value in values):
        raise InputError(f"a region in pixels has whole numbers, received {text!r}")
    if min(region.width, region.height) <= 0:
        raise InputError(f"a region has a width and a height above 0, received {text!r}")
    if in_percent and max(region.x + region.width, region.y + region.height) > _WHOLE:
        raise InputError(f"a region in percent ends at 100% of the picture at most, received {text!r}")
    return region


def look(view: View, image_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part of a picture that is classified.

    Args:
        view: Which part.
        image_rgb: ``uint8 [H, W, 3]``.

    Returns:
        ``uint8 [h, w, 3]``; ``image_rgb`` itself if all of it is looked at as it is, otherwise it shares its memory
        where it can and need not be contiguous.

    Raises:
        ImageError: If the region isn't wholly inside of the picture.
    """
    turned_rgb = turn(image_rgb, view.rotate)
    if view.roi is None:
        return turned_rgb
    box = box_of(view.roi, (turned_rgb.shape[0], turned_rgb.shape[1]))
    return turned_rgb[box.top : box.bottom, box.left : box.right]


def look_at(view: View, frame: Frame) -> Frame:
    """A frame with that part of its picture, or with the error that there is none; the frame itself if all is seen."""
    if frame.image_rgb is None:
        return frame
    try:
        seen_rgb = look(view, frame.image_rgb)
    except ImageError as error:
        return replace(frame, image_rgb=None, error=error.reason)
    return frame if seen_rgb is frame.image_rgb else replace(frame, image_rgb=seen_rgb)


def turn(image: npt.NDArray[Any], degrees: int) -> npt.NDArray[Any]:
    """A picture ``[H, W, C]`` turned clockwise by one of :data:`TURNS`, in the same memory."""
    return np.rot90(image, -(degrees // 90)) if degrees else image


def box_of(region: Region, size_hw: tuple[int, int]) -> Box:
    """The pixels of a region in a picture of a size.

    Edges in percent are rounded to the nearest pixel, so that regions that touch each other have no pixel in common
    and none between them; a region has at least one pixel.

    Raises:
        ImageError: If it isn't wholly inside of the picture.
    """
    height, width = size_hw
    if region.in_percent:
        left, right = _edges(region.x, region.width, width)
        top, bottom = _edges(region.y, region.height, height)
        return Box(left, top, right, bottom)
    left, top = int(region.x), int(region.y)
    right, bottom = left + int(region.width), top + int(region.height)
    if right > width or bottom > height:
        outside = "outside" if left >= width or top >= height else "partly outside"
        raise ImageError(
            "picture",
            f"the region {region} is {outside} of the picture of {width} x {height} pixels: "
            "choose one inside of it, or one in percent",
        )
    return Box(left, top, right, bottom)


def _edges(start_percent: float, length_percent: float, side: int) -> tuple[int, int]:
    first = min(math.floor(start_percent * side / _WHOLE + 0.5), side - 1)
    last = min(math.floor((start_percent + length_percent) * side / _WHOLE + 0.5), side)
    return first, max(last, first + 1)
