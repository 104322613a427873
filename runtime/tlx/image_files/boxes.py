"""AVIF and HEIC: the boxes of ISO 23008-12 that say how large the main picture is and how it's turned.

OpenCV decodes AVIF but leaves it as it's stored; libheif, which decodes HEIC, turns it upright.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tlx.image_files.header import DAMAGED, Header, HeaderError, Kind

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
# HEVC never has three zeros in a row, so such an end was never written.
_ZEROS: Final = bytes(512)
# By quarter turns counterclockwise and then a mirror: none, top to bottom, left to right.
_ORIENTATIONS: Final = ((1, 4, 2), (8, 5, 7), (3, 2, 4), (6, 7, 5))


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    start: int
    end: int


def read_header(content: bytes) -> Header:
    """Read size, orientation and depth of the main picture.

    Raises:
        HeaderError: If the boxes are damaged or hold something else than such a picture.
    """
    top = list(_read_boxes(content, 0, len(content)))
    kind = _kind(content, top[0])
    if kind is Kind.HEIC and content.endswith(_ZEROS):
        raise HeaderError(DAMAGED)
    properties = {box.name: box for box in _main_properties(content, top)}
    if b"ispe" not in properties:
        raise HeaderError(DAMAGED)
    width, height = struct.unpack_from(">II", content, properties[b"ispe"].start + 4)
    if kind is Kind.HEIC:
        return Header(kind, (height, width))
    return Header(
        kind, (height, width), orientation=_orientation(content, properties), white_value=_white(content, properties)
    )


def _kind(content: bytes, first: _Box) -> Kind:
    brands = [content[at : at + 4] for at in range(first.start, first.end, 4)]
    if not _AVIF_BRANDS.isdisjoint(brands):
        return Kind.AVIF
    if not _HEIC_BRANDS.isdisjoint(brands):
        return Kind.HEIC
    raise HeaderError(f"is not a picture but another media file (its brand is {brands[0].decode('latin-1')!r})")


def _orientation(content: bytes, properties: dict[bytes, _Box]) -> int:
    turns = content[properties[b"irot"].start] & 3 if b"irot" in properties else 0
    mirror = 1 + (content[properties[b"imir"].start] & 1) if b"imir" in properties else 0
    return _ORIENTATIONS[turns][mirror]


def _white(content: bytes, properties: dict[bytes, _Box]) -> int | None:
    if b"av1C" not in properties:
        return None
    depth_bits = content[properties[b"av1C"].start + 2] >> 5 & 3  # high_bitdepth, twelve_bit
    return {0b10: 1023, 0b11: 4095}.get(depth_bits)


def _main_properties(content: bytes, top: list[_Box]) -> Iterator[_Box]:
    meta = _only(top, b"meta")
    parts = list(_read_boxes(content, meta.start + 4, meta.end))
    properties = list(_read_boxes(content, *_span(_only(parts, b"iprp"))))
    described = list(_read_boxes(content, *_span(_only(properties, b"ipco"))))
    main = _read_main_item(content, _only(parts, b"pitm"))
    for index in _read_associations(content, _only(properties, b"ipma"), main):
        if 0 < index <= len(described):
            yield described[index - 1]


def _read_main_item(content: bytes, box: _Box) -> int:
    version = content[box.start]
    return int(struct.unpack_from(">I" if version else ">H", content, box.start + 4)[0])


def _read_associations(content: bytes, box: _Box, item: int) -> Iterator[int]:
    """The numbers, from 1, of the properties that belong to an item."""
    version, wide = content[box.start], content[box.start + 3] & 1
    (count,) = struct.unpack_from(">I", content, box.start + 4)
    position = box.start + 8
    item_format, index_format = ">I" if version else ">H", ">H" if wide else ">B"
    for _ in range(count):
        (found,) = struct.unpack_from(item_format, content, position)
        position += struct.calcsize(item_format)
        number = content[position]
        for at in range(number):
            (index,) = struct.unpack_from(index_format, content, position + 1 + at * struct.calcsize(index_format))
            if found == item:
                yield index & (0x7FFF if wide else 0x7F)  # the top bit says that it's essential
        position += 1 + number * struct.calcsize(index_format)


def _read_boxes(content: bytes, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", content, start)
        header_size = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, start + 8)
            header_size = 16
        elif size == 0:  # up to the end
            size = end - start
        if size < header_size or start + size > end:
            raise HeaderError(DAMAGED)
        yield _Box(name, start + header_size, start + size)
        start += size


def _only(boxes: list[_Box], name: bytes) -> _Box:
    for box in boxes:
        if box.name == name:
            return box
    raise HeaderError(DAMAGED)


def _span(box: _Box) -> tuple[int, int]:
    return box.start, box.end
