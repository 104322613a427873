"""TIFF: the few of its many kinds that are read, told by the tags of the first page.

OpenCV decodes some kinds wrongly without a word (separate planes of 16 bits, inverted 16-bit gray, Lab) and
drops the transparency of gray pictures. Whatever isn't known to come out right is refused here, by its name.
"""

from __future__ import annotations

import struct
from typing import Final

from tlx.image_files.header import DAMAGED, Alpha, Header, HeaderError, Kind

_REDUCED, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_SAMPLES, _PLANAR, _EXTRA, _FORMAT = 277, 284, 338, 339
_INVERTED_GRAY, _GRAY, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_FORMATS_OF_VALUE: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}
_UNSIGNED, _UNDEFINED = 1, 4
_CONTIGUOUS: Final = 1
_BILEVEL, _DEEP = 1, 16
_BITS_READ: Final = frozenset({_BILEVEL, 8, _DEEP})
# None, three of fax machines, LZW, JPEG, Deflate under two numbers, PackBits.
_COMPRESSIONS_READ: Final = frozenset({1, 2, 3, 4, 5, 7, 8, 32946, 32773})
_MAX_SAMPLES: Final = 4
_ASSOCIATED, _UNASSOCIATED = 1, 2


def read_header(content: bytes) -> Header:
    """Read size and kind of the first page; the decoder turns the picture itself.

    Raises:
        HeaderError: If the page's tags are damaged or describe a kind that isn't read.
    """
    tags = _read_tags(content)
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise HeaderError(DAMAGED)
    if reason := _why_not_read(tags):
        raise HeaderError(f"{reason}: save it as PNG")
    return Header(Kind.TIFF, (tags[_HEIGHT], tags[_WIDTH]), alpha=_alpha(tags))


def _why_not_read(tags: dict[int, int]) -> str | None:
    bits, samples, colours = tags.get(_BITS, 1), tags.get(_SAMPLES, 1), tags.get(_PHOTOMETRIC)
    gray = colours in {_INVERTED_GRAY, _GRAY}
    compression = tags.get(_COMPRESSION, 1)
    contiguous = tags.get(_PLANAR, _CONTIGUOUS) == _CONTIGUOUS
    reasons = (
        (tags.get(_REDUCED, 0) & 1, "whose first page is only a preview (as in a camera's raw file)"),
        (tags.get(_FORMAT, _UNSIGNED) not in {_UNSIGNED, _UNDEFINED}, "of signed or floating-point samples"),
        (compression not in _COMPRESSIONS_READ, f"with compression of kind {compression}"),
        (bits not in _BITS_READ, f"with {bits} bits a channel"),
        (not gray and colours not in {_RGB, _PALETTE, _CMYK, _YCBCR}, f"with colours of kind {colours}"),
        (samples > _MAX_SAMPLES, f"with {samples} channels"),
        (gray and samples > 1, "with gray and other channels"),
        (bits == _BILEVEL and not gray, "with 1 bit a channel and colours"),
        (bits == _DEEP and not (contiguous and colours in {_GRAY, _RGB}), "with 16 bits in a rare arrangement"),
    )
    return next((f"is a TIFF {reason}" for applies, reason in reasons if applies), None)


def _alpha(tags: dict[int, int]) -> Alpha:
    if tags.get(_PHOTOMETRIC) != _RGB or tags.get(_EXTRA) not in {_ASSOCIATED, _UNASSOCIATED}:
        return Alpha.IGNORED
    # libtiff multiplies pictures of 8 bits by their alpha, whatever they were, and hands out others as stored.
    if tags.get(_BITS) == _DEEP and tags[_EXTRA] == _UNASSOCIATED:
        return Alpha.STRAIGHT
    return Alpha.PREMULTIPLIED


def _read_tags(content: bytes) -> dict[int, int]:
    """The first value of each numeric tag of the first page."""
    endian = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in {b"+\0", b"\0+"}
    first, count_format, entry_format, inline = ("Q", "Q", "HHQ", 8) if big else ("I", "H", "HHI", 4)
    (page,) = struct.unpack_from(endian + first, content, 8 if big else 4)
    (count,) = struct.unpack_from(endian + count_format, content, page)
    entry_size = struct.calcsize(endian + entry_format) + inline
    position = page + struct.calcsize(endian + count_format)
    tags: dict[int, int] = {}
    for _ in range(count):
        tag, value_type, values = struct.unpack_from(endian + entry_format, content, position)
        if value_format := _FORMATS_OF_VALUE.get(value_type):
            at = position + entry_size - inline
            if values * struct.calcsize(value_format) > inline:
                (at,) = struct.unpack_from(endian + first, content, at)
            (tags[tag],) = struct.unpack_from(endian + value_format, content, at)
        position += entry_size
    return tags
