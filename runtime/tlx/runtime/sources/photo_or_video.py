"""Which files are photos and which are videos."""

from __future__ import annotations

import os
from typing import Final

from tlx.images import PHOTO_SUFFIXES
from tlx.opencv import cv2

VIDEO_SUFFIXES: Final = frozenset(
    {".3gp", ".avi", ".flv", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv"}
)


def is_photo(path: str) -> bool:
    """Whether a regular file is to be read as a photo: by its ending, or else by its first bytes."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a Path for each of 100,000 names takes a second
    if suffix in PHOTO_SUFFIXES or suffix in VIDEO_SUFFIXES:
        return suffix in PHOTO_SUFFIXES
    return bool(cv2.haveImageReader(path))


def describe_empty_folder() -> str:
    """What is said of a folder that gives nothing."""
    return f"no photos in this folder or its subfolders ({' '.join(sorted(PHOTO_SUFFIXES))})"
