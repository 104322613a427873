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


@contextlib.contextmanager
def eager_collection() -> Iterator[None]:
    """Collect garbage in cycles soon: a few objects of a graph may hold all weights of a network.

    Python looks at old objects only when their number has grown by a quarter, and TensorFlow's modules alone are a
    million of them; so these are left out of account meanwhile.
    """
    return_large_blocks()
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


def return_large_blocks() -> None:
    """Let glibc map each large block on its own, for the rest of this process; nothing elsewhere.

    Left to itself it raises the bound up to 32 MB after the first blocks are freed, and the holes that layers of a
    network leave in the heap add up: 1.9 GB in the conversion of VGG16.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
