"""HEIC, the photos of iPhones: decoded by libheif, which comes with the extra ``heic``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.image_files.header import DAMAGED, HeaderError

_MISSING_EXTRA = "is a HEIC picture, which needs the extra 'heic': run pip install 'tlx-edge[heic]'"


def decode_heic(content: bytes) -> npt.NDArray[Any]:
    """Decode the main picture, turned upright.

    Returns:
        ``uint8`` or (deeper pictures, scaled to the full range) ``uint16``, ``[H, W]`` or ``[H, W, 3]`` BGR or
        ``[H, W, 4]`` BGRA.

    Raises:
        HeaderError: If it's damaged, or the extra isn't installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise HeaderError(_MISSING_EXTRA) from error
    try:
        # Copied, so that libheif's memory can go.
        return np.array(pillow_heif.open_heif(content, convert_hdr_to_8bit=False, bgr_mode=True))
    except (EOFError, IndexError, OSError, RuntimeError, SyntaxError, ValueError) as error:
        raise HeaderError(DAMAGED) from error
