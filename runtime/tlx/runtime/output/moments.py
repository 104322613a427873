"""When something was, for people: the monotonic clock in terms of the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def utc_of(monotonic_s: float) -> str:
    """The moment of the monotonic clock in UTC, as ISO 8601 with milliseconds and a Z.

    It's as long ago as the monotonic clock says, before what the wall clock says now: so a wall clock that is set while
    a picture is on its way shifts the time, but makes no age of a day.
    """
    return format_utc(datetime.now(UTC) - timedelta(seconds=time.monotonic() - monotonic_s))


def format_utc(moment: datetime) -> str:
    """ISO 8601 with milliseconds and a Z."""
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
