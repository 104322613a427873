"""The one decoder and the one resize, for training, evaluation, parity and runtime alike.

A model sees in the field what it saw in training only if both make the same pixels of the same file. So each
kind of picture has one meaning here:

- the format is told by the content: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, binary PGM and PPM, and HEIC with the
  extra ``heic``;
- EXIF's orientation (in AVIF and HEIC: the file's own rotation and mirror) is applied;
- grayscale becomes three equal channels, a palette its colours;
- transparency (also of single colours) is composited on white;
- deeper samples are scaled to 8 bits and rounded: 65535 becomes 255, 128 becomes 0, 129 becomes 1;
- CMYK and YCCK become RGB by the plain formula; colour profiles and gamma are not applied;
- an animation is its first frame, a TIFF its first page.

A file that isn't whole is refused, never decoded in part. A wrong byte in the middle can't always be noticed:
JPEG, WebP, GIF, BMP, TIFF and PNM carry no checksum.
"""

from __future__ import annotations

import operator
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tlx.errors import ImageError
from tlx.image_files import jpeg
from tlx.image_files.header import DAMAGED, HeaderError, Kind
from tlx.image_files.heic import decode_heic
from tlx.image_files.pixels import to_rgb, turn_upright
from tlx.image_files.sniff import read_header
from tlx.opencv import cv2

if TYPE_CHECKING:  # the contract loads pydantic, which a capture process does without
    from tlx.contract import ResizeMethod

MAX_FILE_BYTES: Final = 256 * 2**20
"""Larger files aren't read."""

PHOTO_SUFFIXES: Final = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"}
    | {".tif", ".tiff", ".webp"}
)
"""Lower-case endings by which files in a folder count as photos."""

# Nearest is the "exact" one because only that takes the pixel under the centre, as Pillow and Keras do.
_INTERPOLATIONS: Final[dict[str, int]] = {
    "area": cv2.INTER_AREA,
    "bilinear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST_EXACT,
}


def decode(content: bytes, source: str | Path) -> npt.NDArray[np.uint8]:
    """Decode a picture's file; may be called from several threads at once.

    Args:
        content: All bytes of the file.
        source: The file's name, for the error.

    Returns:
        ``uint8 [H, W, 3]``, RGB, 0–255, C-contiguous, upright, with its own memory.

    Raises:
        ImageError: If it isn't a whole picture of a kind that is read, or has more than
            :data:`~tlx.opencv.MAX_IMAGE_PIXELS` pixels.
    """
    try:
        header = read_header(content)
        if header.kind is Kind.JPEG:
            return _decode_jpeg(content)
        stored = decode_heic(content) if header.kind is Kind.HEIC else _imdecode(content, cv2.IMREAD_UNCHANGED)
        return turn_upright(to_rgb(stored, header), header.orientation)
    except HeaderError as error:
        raise ImageError(source, str(error)) from error
    except MemoryError as error:
        raise ImageError(source, "needs more memory to be decoded than there is") from error


def read_bytes(path: Path) -> bytes:
    """Read a picture's file, undecoded.

    Raises:
        ImageError: If it can't be read, isn't a regular file (reading a pipe could wait for ever), or is larger
            than :data:`MAX_FILE_BYTES`.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(path, "is not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise ImageError(path, f"has {status.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,}")
            return file.read(status.st_size)
    except FileNotFoundError as error:
        raise ImageError(path, "does not exist") from error
    except IsADirectoryError as error:
        raise ImageError(path, "is a folder, not a picture") from error
    except (OSError, ValueError) as error:
        raise ImageError(path, f"can't be read ({getattr(error, 'strerror', None) or error})") from error


def read(path: Path) -> npt.NDArray[np.uint8]:
    """Read and decode a picture's file.

    Returns:
        As :func:`decode` does.

    Raises:
        ImageError: As :func:`read_bytes` and :func:`decode` do.
    """
    return decode(read_bytes(path), path)


def resize(
    image_rgb: npt.NDArray[np.uint8], size_hw: tuple[int, int], method: ResizeMethod = "area"
) -> npt.NDArray[np.uint8]:
    """Stretch a picture to a size.

    Args:
        image_rgb: ``uint8 [H, W, 3]``.
        size_hw: Height and width to give, in pixels, each at least 1.
        method: ``area`` averages the pixels that fall together (and interpolates when enlarging), ``bilinear``
            looks at four neighbours, ``nearest`` takes one pixel, the same as Pillow and Keras take.

    Returns:
        ``uint8 [h, w, 3]``, C-contiguous; ``image_rgb`` itself if nothing has to be done.

    Raises:
        TypeError: If the picture isn't a uint8 array, or the size isn't whole numbers.
        ValueError: If its shape, the size or the method is wrong.
    """
    if not isinstance(image_rgb, np.ndarray) or image_rgb.dtype != np.uint8:
        got = getattr(image_rgb, "dtype", type(image_rgb).__name__)
        raise TypeError(f"resize needs a picture of uint8, got {got}")
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or 0 in image_rgb.shape:  # noqa: PLR2004 - RGB
        raise ValueError(f"resize needs a picture of the shape [H, W, 3], got {list(image_rgb.shape)}")
    height, width = (operator.index(side) for side in size_hw)
    if height < 1 or width < 1:
        raise ValueError(f"resize needs a height and a width of at least 1, got {height} and {width}")
    if method not in _INTERPOLATIONS:
        raise ValueError(f"resize knows the methods {', '.join(_INTERPOLATIONS)}, got {method!r}")
    image_rgb = np.ascontiguousarray(image_rgb)
    if image_rgb.shape[:2] == (height, width):
        return image_rgb
    return np.asarray(cv2.resize(image_rgb, (width, height), interpolation=_INTERPOLATIONS[method]), dtype=np.uint8)


def load(path: Path, size_hw: tuple[int, int], method: ResizeMethod = "area") -> npt.NDArray[np.uint8]:
    """Read, decode and stretch a picture: from a file to a model's input.

    Returns:
        ``uint8 [h, w, 3]``, RGB, 0–255.

    Raises:
        ImageError: As :func:`read` does.
    """
    return resize(read(path), size_hw, method)


def _open_at_once(path: str, flags: int) -> int:
    # Without this flag, opening a named pipe waits for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode_jpeg(content: bytes) -> npt.NDArray[np.uint8]:
    image_rgb = _imdecode(content, cv2.IMREAD_COLOR_RGB)  # turns it upright too
    if jpeg.may_lack_data(image_rgb):
        _imdecode(jpeg.without_end(content), cv2.IMREAD_COLOR_RGB)
    return image_rgb


def _imdecode(content: bytes, flags: int) -> npt.NDArray[Any]:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise HeaderError(f"can't be decoded ({error.err or 'OpenCV refused it'})") from error
    if image is None:
        raise HeaderError(DAMAGED)
    return image
