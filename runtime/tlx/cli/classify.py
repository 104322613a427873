"""``tlx classify``."""

from __future__ import annotations


def classify() -> None:
    """Not there yet."""
