"""A line of the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line.

    Attributes:
        what: In words.
        found: The figure with its unit, and its interval or range.
        aim: What it's to be; empty if there is no aim.
        is_met: None if there is no aim, or it can't be told.
    """

    what: str
    found: str
    aim: str = ""
    is_met: bool | None = None


def at_most(what: str, found: str, value: float, aim: float, unit: str = "") -> Figure:
    """One that has to be no more than its aim."""
    return Figure(what, found, f"{aim:g}{unit}", value <= aim)
