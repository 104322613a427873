"""From the words on a command line to sources of frames: what a word looks like decides what it is.

A number is a camera, unless a file has that name. A folder stands for all photos in it and its subfolders, a
pattern for what it matches. Everything is checked to exist before the first frame is read; what turns out unreadable
later is a frame with an error.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tlx.errors import SourceError
from tlx.images import PHOTO_SUFFIXES
from tlx.opencv import cv2
from tlx.runtime.frames import Source
from tlx.runtime.sources.camera import CameraSource
from tlx.runtime.sources.photos import PhotoSource
from tlx.runtime.sources.videos import VideoSource

VIDEO_SUFFIXES: Final = frozenset(
    {
        ".3gp",
        ".avi",
        ".flv",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    }
)

_PATTERN_CHARACTERS: Final = re.compile(r"[*?\[]")
_DIGITS: Final = re.compile(r"([0-9]+)")
_CAMERA_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def open_sources(words: Sequence[str], *, stride: int = 1) -> list[Source]:
    """The sources that the words mean, in order; photos beside each other become one source.

    Args:
        words: Files, folders, patterns, camera numbers or device paths.
        stride: Every how many-th frame of a video or camera is taken; photos are all taken.

    Raises:
        SourceError: If a word means nothing: no such file, a folder without photos, a pattern without a match.
    """
    sources: list[Source] = []
    photos: list[Path] = []
    for found in (item for word in words for item in _find(word, stride)):
        if isinstance(found, Path):
            photos.append(found)
            continue
        if photos:
            sources.append(PhotoSource(tuple(photos)))
            photos = []
        sources.append(found)
    if photos:
        sources.append(PhotoSource(tuple(photos)))
    return sources


def _find(word: str, stride: int) -> Iterator[Path | Source]:
    """What one word means: paths of photos, or sources."""
    if _exists(word):
        yield from _find_path(Path(word), stride)
    elif _CAMERA_NUMBER.fullmatch(word):
        yield CameraSource(int(word), stride)
    elif _URL.match(word):
        raise SourceError(f"{word}: network streams can't be read yet: name files, folders, videos or a camera number")
    elif _PATTERN_CHARACTERS.search(word):
        matches = sorted(glob.glob(word, recursive=True), key=natural_key)  # noqa: PTH207 - the word may be absolute
        if not matches:
            raise SourceError(f"{word}: nothing matches this pattern")
        for match in matches:
            yield from _find_path(Path(match), stride)
    else:
        raise SourceError(f"{word}: no such file, folder or pattern, and no camera number")


def _exists(word: str) -> bool:
    try:
        return os.path.exists(word)  # noqa: PTH110 - Path("") would be the working folder
    except ValueError:  # a name with a zero byte
        return False


def _find_path(path: Path, stride: int) -> Iterator[Path | Source]:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        photos = photos_in(path)
        if not photos:
            raise SourceError(
                f"{path}: no photos in this folder or its subfolders ({' '.join(sorted(PHOTO_SUFFIXES))})"
            )
        yield from photos
    elif stat.S_ISCHR(mode):
        yield CameraSource(str(path), stride)
    elif not stat.S_ISREG(mode):
        raise SourceError(f"{path}: neither a file, a folder nor a camera")
    elif _is_photo(path):
        yield path
    else:
        yield VideoSource(path, stride)


def _is_photo(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES or suffix in VIDEO_SUFFIXES:
        return suffix in PHOTO_SUFFIXES
    return cv2.haveImageReader(str(path))


def photos_in(folder: Path) -> list[Path]:
    """All photos of a folder and its subfolders, in natural order; hidden files and folders are left out.

    Raises:
        SourceError: If a folder can't be listed.
    """

    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename}: can't be listed ({error.strerror})") from error

    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
        found.extend(
            Path(parent, name)
            for name in sorted(files, key=natural_key)
            if not name.startswith(".") and Path(name).suffix.lower() in PHOTO_SUFFIXES
        )
    return found


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key by which photo 2 comes before photo 10; names that differ in zeros or case only keep one order."""
    parts = [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in _DIGITS.split(name) if part
    ]
    return parts, name
