"""The orientation tag of EXIF, for the formats whose decoder leaves it alone."""

from __future__ import annotations

import struct
from typing import Final

_ORIENTATION_TAG: Final = 0x0112
_SHORT: Final = 3
_PREFIX: Final = b"Exif\0\0"  # JPEG's; some writers put it into other formats too
_ORIENTATIONS: Final = range(1, 9)


def orientation(exif: bytes) -> int:
    """How a picture has to be turned.

    Args:
        exif: A block of EXIF: a TIFF header and what follows it; may be empty.

    Returns:
        A number from 1 (leave as it is) to 8. Also 1 if the block is damaged or says nothing: a picture isn't
        refused for its metadata.
    """
    exif = exif.removeprefix(_PREFIX)
    try:
        value = _find_orientation(exif, {b"II*\0": "<", b"MM\0*": ">"}[exif[:4]])
    except (KeyError, struct.error):
        return 1
    return value if value in _ORIENTATIONS else 1


def _find_orientation(exif: bytes, endian: str) -> int:
    (first,) = struct.unpack_from(f"{endian}I", exif, 4)
    (count,) = struct.unpack_from(f"{endian}H", exif, first)
    for index in range(count):
        tag, kind, _, value = struct.unpack_from(f"{endian}HHIH", exif, first + 2 + 12 * index)
        if tag == _ORIENTATION_TAG and kind == _SHORT:
            return int(value)
    return 1
