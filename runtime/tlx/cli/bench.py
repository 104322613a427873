"""``tlx bench``."""

from __future__ import annotations


def bench() -> None:
    """Not there yet."""
