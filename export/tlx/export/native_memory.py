"""Memory that nobody needs any more goes back to the system at once."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""mallopt(3)."""
_LARGE_BYTES: Final = 1 << 20
_USUAL_BYTES: Final = 1 << 25
"""Where glibc's own bound ends after some blocks of that size."""


@contextlib.contextmanager
def eager_collection() -> Iterator[None]:
    """Collect garbage in cycles soon, and give large blocks back: a few objects of a graph may hold a whole network.

    Python looks at old objects only when their number has grown by a quarter, and TensorFlow's modules alone are a
    million of them; so these are left out of account meanwhile. And glibc keeps the holes that the weights leave in
    its heap: 1.9 GB in the conversion of VGG16.
    """
    _map_alone(_LARGE_BYTES)
    gc.freeze()
    gc.collect()
    kept = gc.get_threshold()
    gc.set_threshold(100, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*kept)
        gc.unfreeze()
        gc.collect()
        _map_alone(_USUAL_BYTES)


def _map_alone(at_least_bytes: int) -> None:
    """Let glibc map each block of such a size on its own; nothing elsewhere.

    Not for good: mapped memory is zeroed each time, and a training maps the same blocks again and again.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, at_least_bytes)
