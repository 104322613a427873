"""What a decoder hands out, given its one meaning: upright RGB of 8 bits on white."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.image_files.header import Alpha, Header, HeaderError
from tlx.opencv import cv2

_WHITE: Final = 255


def to_rgb(stored: npt.NDArray[Any], header: Header) -> npt.NDArray[np.uint8]:
    """Bring samples to 8 bits, compose transparency on white, and order the channels.

    Args:
        stored: ``uint8`` or ``uint16``; ``[H, W]`` gray, ``[H, W, 3]`` BGR or ``[H, W, 4]`` BGRA.
        header: What the samples mean.

    Returns:
        ``uint8 [H, W, 3]``, RGB.

    Raises:
        HeaderError: If the samples are of another type.
    """
    if stored.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise HeaderError(f"has samples of the type {stored.dtype}: save it as PNG")
    white = header.white_value or np.iinfo(stored.dtype).max
    # Rounds to the nearest; at 16 bits no sample falls halfway, because 65535 / 255 is odd.
    pixels = stored if white == _WHITE else _bytes(cv2.convertScaleAbs(stored, alpha=_WHITE / white))
    if pixels.ndim == 2:  # noqa: PLR2004 - rows and columns
        image_rgb = _bytes(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB))
        if header.transparent_gray is not None:
            image_rgb[stored == header.transparent_gray] = _WHITE
        return image_rgb
    if pixels.shape[2] == 3:  # noqa: PLR2004 - BGR
        return _bytes(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    image_rgb, opacity = _bytes(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB)), pixels[..., 3]
    if header.alpha is Alpha.IGNORED or opacity.min() == _WHITE:
        return image_rgb
    if header.alpha is Alpha.PREMULTIPLIED:
        return _bytes(cv2.add(image_rgb, cv2.cvtColor(_WHITE - opacity, cv2.COLOR_GRAY2RGB)))
    return _compose_on_white(image_rgb, opacity)


def turn_upright(image_rgb: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Turn a picture by EXIF's number from 1 to 8.

    Returns:
        The picture, C-contiguous; ``image_rgb`` itself for 1.
    """
    if orientation in {5, 6, 7, 8}:
        image_rgb = image_rgb.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        image_rgb = image_rgb[::-1]
    if orientation in {2, 3, 6, 7}:
        image_rgb = image_rgb[:, ::-1]
    return np.ascontiguousarray(image_rgb)


def _compose_on_white(image_rgb: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    weight = opacity[..., None].astype(np.uint16)
    blended = image_rgb * weight + _WHITE * (_WHITE - weight) + _WHITE // 2  # at most 65,152
    return (blended // _WHITE).astype(np.uint8)


def _bytes(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.asarray(image, dtype=np.uint8)
