"""Files that no camera makes, for finding out what reads them badly.

All are made of generated pictures, by a seed, so that a file that was read badly can be made again.
"""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from tlx.opencv import cv2

SUFFIXES: Final = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".ppm", ".avif")
_NAMES: Final = (
    b"new\nline.jpg",
    b"\xff\xfe\x80.jpg",
    b" blank .jpg",
    b"-rf.jpg",
    b"=1+1.jpg",
    b"*?[x].jpg",
    b"quo\"te's.jpg",
    b"\x1b[31mred.jpg",
    b"back\\slash.jpg",
    b"%d%s%n.jpg",
    b"a" * 251 + b".jpg",
    "猫🐈\u202egpj.jpg".encode(),
    b"UPPER.JPG",
    b"two.png.jpg",
    b"\t.jpg",
    b"http:x.jpg",
)


def pictures(seed: int) -> dict[str, bytes]:
    """One whole file of each format."""
    random_ = np.random.default_rng(seed)
    height, width = (int(side) for side in random_.integers(8, 120, 2))
    coarse = random_.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    made = {}
    for suffix in SUFFIXES:
        ok, content = cv2.imencode(suffix, image)
        if ok:
            made[suffix] = content.tobytes()
    return made


def write_odd_files(folder: Path, count: int, seed: int) -> int:
    """Fill a folder with at least ``count`` odd files that have a photo's ending.

    Returns:
        How many there are: as many result lines are to be expected.
    """
    folder.mkdir(parents=True)
    written = _write_names(folder / "names", pictures(seed)[".jpg"])
    written += _write_no_files(folder / "none", pictures(seed)[".png"])
    random_ = random.Random(seed)
    number = 0
    while written < count:
        for suffix, content in pictures(seed + number).items():
            for kind, odd in _spoil(suffix, content, random_):
                parent = folder / kind
                parent.mkdir(exist_ok=True)
                (parent / f"{number}{suffix}").write_bytes(odd)
                written += 1
        number += 1
    return written


def _spoil(suffix: str, content: bytes, random_: random.Random) -> Iterator[tuple[str, bytes]]:
    """What may be wrong with the content of a file, by its name."""
    yield "whole", content
    yield "cut", content[: random_.randrange(1, len(content))]
    yield "cut_end", content[: -random_.randrange(1, min(32, len(content)))]
    yield "flipped", _flip(content, random_, random_.choice((1, 2, 10, 100)))
    yield "flipped_head", _flip(content[:64], random_, 3) + content[64:]
    yield "zeros", content[: len(content) // 2] + bytes(len(content) - len(content) // 2)
    yield "more", content + random_.randbytes(random_.randrange(1, 5000))
    yield "twice", content + content
    yield "noise", random_.randbytes(random_.randrange(1, 3000))
    yield "wrong_suffix", pictures(random_.randrange(1000))[random_.choice(SUFFIXES[:-1])]
    if huge := _HUGE.get(suffix):
        yield "huge", huge(content, random_)
    if suffix == ".jpg":
        for kind, segment in _segments(random_):
            yield kind, content[:2] + segment + content[2:]


def _flip(content: bytes, random_: random.Random, bits: int) -> bytes:
    odd = bytearray(content)
    for _ in range(bits):
        odd[random_.randrange(len(odd))] ^= 1 << random_.randrange(8)
    return bytes(odd)


def _segments(random_: random.Random) -> Iterator[tuple[str, bytes]]:
    """Segments of a JPEG that say something odd about it."""
    for kind, orientation, offset in (
        ("exif", random_.randrange(1, 9), 8),
        ("exif_unknown", random_.randrange(9, 65536), 8),
        ("exif_loop", 6, random_.randrange(0, 100_000)),
    ):
        entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
        yield kind, _app(1, b"Exif\0\0MM\0*" + struct.pack(">I", offset) + struct.pack(">H", 1) + entry + bytes(4))
    yield "exif_noise", _app(1, b"Exif\0\0" + random_.randbytes(random_.randrange(0, 300)))
    yield "icc", _app(2, b"ICC_PROFILE\0\1\1" + random_.randbytes(200))
    yield "icc_missing", _app(2, b"ICC_PROFILE\0" + bytes((random_.randrange(256), random_.randrange(256))))
    yield "long_segment", b"\xff\xe3\xff\xff" + random_.randbytes(20)
    yield "adobe", _app(14, b"Adobe\0d\0\0\0\0" + bytes((random_.randrange(4),)))


def _app(number: int, content: bytes) -> bytes:
    return bytes((0xFF, 0xE0 + number)) + struct.pack(">H", len(content) + 2) + content


def _side(random_: random.Random, largest: int) -> int:
    return random_.choice((largest, 65_535, 30_000, 20_000))


def _huge_jpeg(content: bytes, random_: random.Random) -> bytes:
    at = next(place for place in (content.find(b"\xff\xc0"), content.find(b"\xff\xc2")) if place > 0)
    size = struct.pack(">HH", _side(random_, 65_535), _side(random_, 65_535))
    return content[: at + 5] + size + content[at + 9 :]


def _huge_png(content: bytes, random_: random.Random) -> bytes:
    header = struct.pack(">II", _side(random_, 2**31 - 1), _side(random_, 2**31 - 1)) + content[24:29]
    return content[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


def _huge_bmp(content: bytes, random_: random.Random) -> bytes:
    return content[:18] + struct.pack("<ii", _side(random_, 2**31 - 1), _side(random_, 2**31 - 1)) + content[26:]


def _huge_gif(content: bytes, random_: random.Random) -> bytes:
    return content[:6] + struct.pack("<HH", _side(random_, 65_535), _side(random_, 65_535)) + content[10:]


def _huge_ppm(content: bytes, random_: random.Random) -> bytes:
    return b"P6\n%d %d\n255\n" % (_side(random_, 2**31 - 1), _side(random_, 2**31 - 1)) + content[-100:]


_HUGE: Final[dict[str, Callable[[bytes, random.Random], bytes]]] = {
    ".jpg": _huge_jpeg,
    ".png": _huge_png,
    ".bmp": _huge_bmp,
    ".gif": _huge_gif,
    ".ppm": _huge_ppm,
}


def _write_names(folder: Path, content: bytes) -> int:
    folder.mkdir()
    for name in _NAMES:
        (folder / os.fsdecode(name)).write_bytes(content)
    return len(_NAMES)


def _write_no_files(folder: Path, content: bytes) -> int:
    """What isn't a file, though its name says so; each is one result, but for the folders, which are looked into."""
    folder.mkdir()
    (folder / "whole.png").write_bytes(content)
    (folder / "empty.png").touch()
    with (folder / "hole.png").open("wb") as hole:
        hole.truncate(2**36)
    (folder / "forbidden.png").write_bytes(content)
    (folder / "forbidden.png").chmod(0)
    os.mkfifo(folder / "pipe.png")
    links = {
        "loop.png": "loop.png",
        "up.png": "..",
        "nowhere.png": "gone",
        "link.png": "whole.png",
        "null.png": "/dev/null",
        "zero.png": "/dev/zero",
        "terminal.png": "/dev/tty",
        "memory.png": "/proc/self/mem",
        "process.png": "/proc/self/maps",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "loops").mkdir()
    for name in ("one", "two"):
        (folder / "loops" / name).symlink_to(folder)
    (folder / "folder.png").mkdir()
    (folder / "folder.png" / "inside.png").write_bytes(content)
    return 5 + len(links) + 1
