"""One photo: from its bytes to a frame, whatever is wrong with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tlx import images
from tlx.errors import ImageError, TlxError
from tlx.runtime.frames import Frame


def read_photo(path: str | Path) -> Frame:
    """One photo file; never raises for what is wrong with it."""
    return decode_photo(str(path), lambda: images.read_bytes(Path(path)))


def decode_photo(source: str, read: Callable[[], bytes]) -> Frame:
    """One photo of any origin; never raises for what is wrong with it.

    Args:
        source: How its frame calls it.
        read: Gives the bytes of the file, or raises an :class:`~tlx.errors.ImageError`.
    """
    started_s = time.monotonic()
    try:
        image_rgb = images.decode(read(), source)
    except ImageError as error:
        return Frame(source, None, error.reason, None, started_s)
    except TlxError as error:
        return Frame(source, None, str(error), None, started_s)
    except MemoryError:
        return Frame(source, None, "too large for the memory that is left", None, started_s)
    return Frame(source, image_rgb, None, None, started_s, (time.monotonic() - started_s) * 1e3)
