"""What differs between two documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = None
"""Stands for a value that one side doesn't have."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that isn't the same on both sides.

    Attributes:
        key: Its place, as in ``phases[1].epochs``.
        a: A plain value, or a list of them; None where that side has none.
        b: The same of the other side.
    """

    key: str
    a: Any
    b: Any


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The values in which two documents differ, in the order of the first, then of the second."""
    flat_a, flat_b = dict(flatten(a)), dict(flatten(b))
    keys = dict.fromkeys((*flat_a, *flat_b))
    return tuple(
        Difference(key, flat_a.get(key, ABSENT), flat_b.get(key, ABSENT))
        for key in keys
        if flat_a.get(key, ABSENT) != flat_b.get(key, ABSENT)
    )


def flatten(document: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Give the values of a nested document with their places; lists of plain values stay whole."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from flatten(value, f"{key}.{name}" if key else str(name))
    elif isinstance(document, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in document):
        for place, item in enumerate(document):
            yield from flatten(item, f"{key}[{place}]")
    else:
        yield key, list(document) if isinstance(document, tuple) else document
