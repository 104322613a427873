"""Which format a file is in, by its first bytes; its name isn't looked at."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final

from tlx.image_files import boxes, jpeg, plain, png, tiff, webp
from tlx.image_files.header import DAMAGED, Header, HeaderError, check_size

_SHOWN_BYTES: Final = 16
_READERS: Final[tuple[tuple[re.Pattern[bytes], Callable[[bytes], Header]], ...]] = (
    (re.compile(rb"\xff\xd8\xff"), jpeg.read_header),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), png.read_header),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), webp.read_header),
    (re.compile(rb"GIF8[79]a"), plain.read_gif_header),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), tiff.read_header),
    (re.compile(rb"....ftyp", re.DOTALL), boxes.read_header),
    # Two letters are too common: the size of BMP's second header, one of seven, has to fit too.
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), plain.read_bmp_header),
    (re.compile(rb"P[56][\s#]"), plain.read_pnm_header),
)
_FOREIGN: Final = (
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"\0\0\0\x0cJXL |\xff\x0a"), "JPEG XL"),
    (re.compile(rb"P[12347]\s"), "PBM, PAM or text PNM"),
    (re.compile(rb"8BPS"), "Photoshop"),
    (re.compile(rb"%PDF"), "PDF"),
)


def read_header(content: bytes) -> Header:
    """Tell what a file is and read its header; nothing is decoded and little memory used.

    Raises:
        HeaderError: If it isn't a picture of a format that is read, is visibly damaged, or has too many pixels.
    """
    if not content:
        raise HeaderError("is empty")
    reader = next((reader for pattern, reader in _READERS if pattern.match(content)), None)
    if reader is None:
        raise HeaderError(_what_instead(content))
    try:
        header = reader(content)
    except (struct.error, IndexError) as error:  # the bytes end within the header
        raise HeaderError(DAMAGED) from error
    check_size(header.size_hw)
    return header


def _what_instead(content: bytes) -> str:
    for pattern, name in _FOREIGN:
        if pattern.match(content):
            return f"is a {name} file, which isn't read: save it as JPEG or PNG"
    head = content[:_SHOWN_BYTES]
    if head.isascii() and head.decode().replace("\n", "").replace("\r", "").isprintable():
        return f"is not a picture (starts with {head.decode().strip()!r})"
    return f"is not a picture (starts with the bytes {head.hex(' ')})"
