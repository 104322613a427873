"""Photos inside the page: JPEG files as data URIs."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.core.photos import Photo
from tlx.errors import ImageError
from tlx.opencv import cv2

THUMBNAIL_SIDE: Final = 288
"""Twice what a phone shows in a grid of two columns."""

_QUALITY: Final = 80


def thumbnail_uri(path: Path) -> str:
    """A photo, upright and whole, its longer side at most :data:`THUMBNAIL_SIDE`.

    Raises:
        ImageError: If it can't be read.
    """
    return jpeg_uri(fitted(images.read(path), THUMBNAIL_SIDE))


def fitted(image_rgb: npt.NDArray[np.uint8], longest: int) -> npt.NDArray[np.uint8]:
    """Shrink ``uint8 [H, W, 3]`` so that no side is longer; smaller pictures stay as they are."""
    scale = min(1.0, longest / max(image_rgb.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in image_rgb.shape[:2])
    return images.resize(image_rgb, (height, width))


def jpeg_uri(image_rgb: npt.NDArray[np.uint8]) -> str:
    """``uint8 [H, W, 3]``, RGB, as a JPEG in a ``data:`` address."""
    done, content = cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def readable_in_turn(photos: Sequence[Photo], count: int) -> list[Photo]:
    """The first ``count`` photos that can still be read, one of each label in turn."""
    by_label: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        by_label[photo.label].append(photo)
    mixed = (photo for photo in chain.from_iterable(zip_longest(*by_label.values())) if photo is not None)
    return list(islice(_readable(mixed), count))


def _readable(photos: Iterable[Photo]) -> Iterator[Photo]:
    for photo in photos:
        try:
            images.read(photo.path)
        except ImageError:
            continue
        yield photo
