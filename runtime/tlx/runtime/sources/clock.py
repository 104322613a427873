"""Times in a video, as people write them."""

from __future__ import annotations

import re
from typing import Final

from tlx.errors import InputError

_CLOCK: Final = re.compile(r"(?:(?:([0-9]{1,6}):)?([0-9]{1,2}):)?([0-9]{1,9}(?:\.[0-9]{1,9})?)")
_SIXTY: Final = 60


def parse_clock(text: str) -> float:
    """Seconds from ``90``, ``1.5``, ``mm:ss`` or ``hh:mm:ss``, each with or without a fraction of the seconds.

    Raises:
        InputError: If it's none of these.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r}: expected a time in seconds (90), mm:ss (1:30) or hh:mm:ss (0:01:30)")
    hours, minutes, seconds = match.groups()
    if minutes is not None and (float(seconds) >= _SIXTY or (hours is not None and int(minutes) >= _SIXTY)):
        raise InputError(f"{text!r}: expected fewer than 60 minutes and seconds in a time with colons")
    return int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0 + float(seconds)


def parse_duration(text: str) -> float:
    """Seconds, as :func:`parse_clock` reads them, but more than none.

    Raises:
        InputError: If it's no time, or 0.
    """
    seconds = parse_clock(text)
    if not seconds:
        raise InputError(f"{text!r}: expected a duration of more than 0 seconds")
    return seconds
