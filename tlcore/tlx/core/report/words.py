"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

UNKNOWN: Final = "\u2013"
"""A dash, where there is no value."""

TIMES: Final = "\u00d7"
_SECONDS_UNTIL: Final = 120
_MINUTES_UNTIL: Final = 120
_JOULES_PER_WATT_HOUR: Final = 3600


def percent(share: float, places: int = 1) -> str:
    """A share of 0 to 1: ``97.5 %``."""
    return f"{share:.{places}%}".replace("%", " %")


def duration(seconds: float) -> str:
    """``0.4 s``, ``23 s``, ``14.3 min``, ``3 h 12 min``."""
    if seconds < _SECONDS_UNTIL:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - two digits tell enough
    minutes = seconds / 60
    if minutes < _MINUTES_UNTIL:
        return f"{minutes:.1f} min"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min"


def energy(joules: float) -> str:
    """``5.2 kJ (1.4 Wh)``."""
    return f"{joules / 1000:.1f} kJ ({joules / _JOULES_PER_WATT_HOUR:.1f} Wh)"


def date(text: str) -> str:
    """An ISO 8601 moment in UTC as ``24 November 2026, 13:59 UTC``; what isn't one stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    months = (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    )
    return f"{moment.day} {months[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 photo``, ``1,200 photos``; the plural takes an s unless told otherwise."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def shortened(text: str, longest: int) -> str:
    """At most ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def spelled(key: str) -> str:
    """A key of a document as words: ``learning_rate`` is ``learning rate``."""
    return key.replace("_", " ")


def value_text(value: Any) -> str:
    """A plain JSON value."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(value_text, value)) or UNKNOWN
    return str(value)
