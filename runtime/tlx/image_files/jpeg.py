"""JPEG: its size, and whether its data goes on to the end of the picture.

OpenCV refuses a file that just stops. It does accept one that stops early but carries an end marker, and one
whose rest is zeros; libjpeg then paints what is missing mid-gray or blurred. Both are told here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.image_files.header import DAMAGED, Header, HeaderError, Kind

_END: Final = b"\xff\xd9"
_SCAN: Final = b"\xff\xda"
_STAND_ALONE: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL_HUFFMAN: Final = frozenset({0xC0, 0xC1})
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SAMPLE_BITS: Final = 8
_COEFFICIENTS: Final = 64
# What libjpeg paints where coefficients are missing: from one or three components, and from CMYK.
_MISSING_GRAYS: Final = frozenset({128, 65})
_PADDING: Final = bytes(16)  # libjpeg reads up to 8 bytes ahead


@dataclass(frozen=True, slots=True)
class _Frame:
    """The header up to and including the first scan's; ``scan`` and ``end`` are positions of markers."""

    marker: int
    size_hw: tuple[int, int]
    components: int
    first_component: int
    scan: int
    end: int

    def is_one_scan(self, content: bytes) -> bool:
        return self.marker not in _PROGRESSIVE and content[self.scan + 4] == self.components


@dataclass(frozen=True, slots=True)
class _Scan:
    components: bytes
    first_coefficient: int
    last_coefficient: int
    missing_bits: int


def read_header(content: bytes) -> Header:
    """Read the size; the decoder turns the picture itself.

    Raises:
        HeaderError: If the header isn't whole, a scan or the end marker is missing, or samples have more than
            8 bits.
    """
    frame = _read_frame(content)
    if not frame.is_one_scan(content) and not _has_all_scans(content, frame):
        raise HeaderError(DAMAGED)
    return Header(Kind.JPEG, frame.size_hw)


def may_lack_data(image_rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether a decoded picture ends in the gray of missing data; a good one seldom does.

    Args:
        image_rgb: ``uint8 [H, W, 3]``; its end is any corner, for the picture may have been turned.
    """
    for row in (-1, 0):
        for column in (-1, 0):
            red, green, blue = image_rgb[row, column].tolist()
            if red == green == blue and red in _MISSING_GRAYS:
                return True
    return False


def without_end(content: bytes) -> bytes:
    """The file without its end marker, which OpenCV refuses exactly if the picture's data runs out.

    Returns:
        The changed file, or the same where this tells nothing: decoding several scans needs the marker.
    """
    frame = _read_frame(content)
    if frame.marker in _SEQUENTIAL_HUFFMAN and frame.is_one_scan(content):
        return content[: frame.end] + _PADDING
    return content


def _read_frame(content: bytes) -> _Frame:
    found, position = None, 2
    while True:
        marker, position = _next_marker(content, position)
        if marker in _STAND_ALONE:
            continue
        if marker == _SCAN[1]:
            break
        (length,) = struct.unpack_from(">H", content, position)
        if marker in _FRAMES:
            found = (marker, *struct.unpack_from(">BHHBB", content, position + 2))
        position += length
    if found is None:
        raise HeaderError(DAMAGED)
    marker, bits, height, width, components, first_component = found
    if bits != _SAMPLE_BITS:
        raise HeaderError(f"is a JPEG with {bits} bits a channel, only {_SAMPLE_BITS} are read: save it as PNG")
    return _Frame(marker, (height, width), components, first_component, position - 2, _find_end(content, position))


def _next_marker(content: bytes, position: int) -> tuple[int, int]:
    position = content.find(b"\xff", position)
    if position < 0:
        raise HeaderError(DAMAGED)
    while content[position] == 0xFF:  # noqa: PLR2004 - fill bytes
        position += 1
    return content[position], position + 1


def _find_end(content: bytes, scan: int) -> int:
    if content.endswith(_END):
        return len(content) - len(_END)
    # Data of a scan never holds these two bytes; a preview in the metadata before it does.
    end = content.find(_END, scan)
    if end < 0:
        raise HeaderError(DAMAGED)
    return end


def _has_all_scans(content: bytes, frame: _Frame) -> bool:
    """Whether scans bring each component, or of a progressive picture each bit of the first (the brightness)."""
    scans = _read_scans(content, frame)
    if frame.marker not in _PROGRESSIVE:
        return sum(len(scan.components) for scan in scans) >= frame.components
    missing_bits = [_SAMPLE_BITS] * _COEFFICIENTS
    for scan in scans:
        if frame.first_component in scan.components:
            for index in range(scan.first_coefficient, min(scan.last_coefficient + 1, _COEFFICIENTS)):
                missing_bits[index] = scan.missing_bits
    return not any(missing_bits)


def _read_scans(content: bytes, frame: _Frame) -> Iterator[_Scan]:
    position = frame.scan
    while position >= 0:
        selection = position + 5
        spectrum = selection + 2 * content[position + 4]
        yield _Scan(
            components=content[selection:spectrum:2],
            first_coefficient=content[spectrum],
            last_coefficient=content[spectrum + 1],
            missing_bits=content[spectrum + 2] & 15,
        )
        position = content.find(_SCAN, spectrum, frame.end)
