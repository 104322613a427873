"""What the first bytes of a picture's file say about it, before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tlx.opencv import MAX_IMAGE_PIXELS

MAX_IMAGE_SIDE: Final = 2**20
"""OpenCV's own limit on a picture's width and on its height, in pixels."""

DAMAGED: Final = "is truncated or damaged"


class Kind(StrEnum):
    """The file formats that are read."""

    AVIF = "AVIF"
    BMP = "BMP"
    GIF = "GIF"
    HEIC = "HEIC"
    JPEG = "JPEG"
    PNG = "PNG"
    PNM = "PNM"
    TIFF = "TIFF"
    WEBP = "WebP"


class Alpha(StrEnum):
    """What a fourth channel means."""

    STRAIGHT = "straight"
    PREMULTIPLIED = "premultiplied"
    IGNORED = "ignored"


class HeaderError(Exception):
    """A file that can't be used; the text is the reason without the file's name."""


@dataclass(frozen=True, slots=True)
class Header:
    """What decoding has to know, beside the bytes.

    Attributes:
        kind: The format, told by the content and never by the file's name.
        size_hw: Height and width in pixels as stored, before the picture is turned upright.
        orientation: EXIF's number from 1 to 8 that turns what the decoder gives upright; 1 where the decoder
            does that itself.
        alpha: The meaning of a fourth channel, if the decoder gives one.
        white_value: The sample value that stands for full brightness, where it isn't the largest of its type.
        transparent_gray: The sample value of a grayscale picture that is fully transparent.
    """

    kind: Kind
    size_hw: tuple[int, int]
    orientation: int = 1
    alpha: Alpha = Alpha.STRAIGHT
    white_value: int | None = None
    transparent_gray: int | None = None


def check_size(size_hw: tuple[int, int]) -> None:
    """Refuse a picture whose pixels would need too much memory, by the size that it claims.

    Raises:
        HeaderError: If it has no pixels, too many, or a side that OpenCV refuses.
    """
    height, width = size_hw
    if height <= 0 or width <= 0:
        raise HeaderError(f"{DAMAGED} (it claims {width}x{height} pixels)")
    if height * width > MAX_IMAGE_PIXELS:
        raise HeaderError(f"has {width}x{height} pixels, the limit is {MAX_IMAGE_PIXELS:,}")
    if max(height, width) > MAX_IMAGE_SIDE:
        raise HeaderError(f"has {width}x{height} pixels, the limit for a side is {MAX_IMAGE_SIDE:,}")
