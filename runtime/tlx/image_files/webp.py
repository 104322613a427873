"""WebP, still or animated: canvas size, orientation, and whether the file is whole."""

from __future__ import annotations

import struct
from typing import Final

from tlx.image_files import exif
from tlx.image_files.header import DAMAGED, Header, HeaderError, Kind

_LOSSLESS_SIGNATURE: Final = 0x2F
_LOSSY_SIGNATURE: Final = b"\x9d\x01\x2a"
# WebP has no checksum. A lossy picture whose data ends in so many zeros was never written to its end.
_ZEROS: Final = bytes(512)


def read_header(content: bytes) -> Header:
    """Read the size of the canvas and the orientation.

    Raises:
        HeaderError: If the file is shorter than it says, has no picture in it, or ends in zeros.
    """
    (riff_size,) = struct.unpack_from("<I", content, 4)
    if 8 + riff_size > len(content):
        raise HeaderError(DAMAGED)
    size_hw, orientation, position = None, 1, 12
    while position + 8 <= 8 + riff_size:
        name, length = struct.unpack_from("<4sI", content, position)
        start, end = position + 8, position + 8 + length
        if size_hw is None:
            size_hw = _read_size(content, name, start)
        if name == b"VP8 " and content.endswith(_ZEROS, start, end):
            raise HeaderError(DAMAGED)
        if name == b"EXIF":
            orientation = exif.orientation(content[start:end])
        position = end + length % 2
    if size_hw is None:
        raise HeaderError(DAMAGED)
    return Header(Kind.WEBP, size_hw, orientation=orientation)


def _read_size(content: bytes, name: bytes, start: int) -> tuple[int, int] | None:
    if name == b"VP8X":
        width, height = (int.from_bytes(content[start + at : start + at + 3], "little") + 1 for at in (4, 7))
        return height, width
    if name == b"VP8L" and content[start] == _LOSSLESS_SIGNATURE:
        (packed,) = struct.unpack_from("<I", content, start + 1)
        return (packed >> 14 & 0x3FFF) + 1, (packed & 0x3FFF) + 1
    if name == b"VP8 " and content[start + 3 : start + 6] == _LOSSY_SIGNATURE:
        width, height = struct.unpack_from("<HH", content, start + 6)
        return height & 0x3FFF, width & 0x3FFF
    return None
