"""PNG and APNG: size, transparency, orientation, and the checksum of every part.

The checksums are compared here because OpenCV doesn't compare them in animated files, and because libpng would
write its complaints to stderr.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from tlx.image_files import exif
from tlx.image_files.header import DAMAGED, Header, HeaderError, Kind

_GRAY: Final = 0
_FULL_SAMPLE_BITS: Final = 8


def read_header(content: bytes) -> Header:
    """Read size, orientation and the transparent gray.

    Raises:
        HeaderError: If a part is missing or its checksum is wrong.
    """
    chunks = _read_chunks(content)
    name, data = next(chunks)
    if name != b"IHDR":
        raise HeaderError(DAMAGED)
    width, height, bits, colour = struct.unpack_from(">IIBB", data)
    found = {name: bytes(data) for name, data in chunks if name in {b"tRNS", b"eXIf"}}
    transparent_gray = None
    if colour == _GRAY and b"tRNS" in found:
        (transparent_gray,) = struct.unpack(">H", found[b"tRNS"])
        if bits < _FULL_SAMPLE_BITS:  # the decoder widens samples to 8 bits
            transparent_gray = transparent_gray * 255 // (2**bits - 1)
    return Header(
        Kind.PNG,
        (height, width),
        orientation=exif.orientation(found.get(b"eXIf", b"")),
        transparent_gray=transparent_gray,
    )


def _read_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, position, name = memoryview(content), 8, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", content, position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", content, end)
        if zlib.crc32(view[position + 4 : end]) != checksum:
            raise HeaderError(DAMAGED)
        yield name, view[position + 8 : end]
        position = end + 4
