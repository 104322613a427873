"""Timed calls that the garbage collector can't fall into."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect before, and not during."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
