"""GIF, BMP and PNM: formats whose header is a few numbers."""

from __future__ import annotations

import re
import struct
from typing import Final

from tlx.image_files.header import DAMAGED, Alpha, Header, HeaderError, Kind

_BMP_CORE_HEADER: Final = 12
_BMP_HEADER_WITH_ALPHA: Final = 56
_BMP_BITFIELDS: Final = 3
_BMP_BITS_WITH_ALPHA: Final = 32
_PNM_GAP: Final = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM_HEADER: Final = re.compile(rb"P[56]" + (_PNM_GAP + rb"(\d{1,9})") * 3 + rb"\s")
_PNM_WHITEST: Final = 65535


def read_gif_header(content: bytes) -> Header:
    """Read the size of the canvas."""
    width, height = struct.unpack_from("<HH", content, 6)
    return Header(Kind.GIF, (height, width))


def read_bmp_header(content: bytes) -> Header:
    """Read the size, and whether a fourth channel is really transparency.

    Most writers leave the fourth byte of a pixel undefined; only a header that names a mask for it counts.
    """
    (header_size,) = struct.unpack_from("<I", content, 14)
    if header_size == _BMP_CORE_HEADER:
        width, height = struct.unpack_from("<HH", content, 18)
        return Header(Kind.BMP, (height, width), alpha=Alpha.IGNORED)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", content, 18)
    transparent = (
        header_size >= _BMP_HEADER_WITH_ALPHA
        and bits == _BMP_BITS_WITH_ALPHA
        and compression == _BMP_BITFIELDS
        and struct.unpack_from("<I", content, 66)[0] != 0
    )
    # A negative height means rows from top to bottom.
    return Header(Kind.BMP, (abs(height), width), alpha=Alpha.STRAIGHT if transparent else Alpha.IGNORED)


def read_pnm_header(content: bytes) -> Header:
    """Read the size and the value of white of a binary PGM or PPM.

    Raises:
        HeaderError: If the header is damaged.
    """
    match = _PNM_HEADER.match(content)
    if match is None:
        raise HeaderError(DAMAGED)
    width, height, white = (int(number) for number in match.groups())
    if not 1 <= white <= _PNM_WHITEST:
        raise HeaderError(f"{DAMAGED} (its largest value is {white})")
    return Header(Kind.PNM, (height, width), white_value=white)
