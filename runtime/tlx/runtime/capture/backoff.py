"""How long to wait before a source is opened again."""

from __future__ import annotations

from typing import Final

from tlx.runtime.capture.settings import CaptureSettings

_MAX_DOUBLINGS: Final = 30


def count_failures(before: int, *, lived_s: float, waited_s: float) -> int:
    """The failures in a row, after one more.

    A source that gave pictures for longer than it had been waited for starts anew: a stream that ends once an hour
    is opened again at once, one that breaks at its first picture isn't hammered.

    Args:
        before: Failures in a row before this one; -1 before the first.
        lived_s: From its first picture to its end; 0 without a picture.
        waited_s: The wait before it was opened.

    Returns:
        At least 0.
    """
    return 0 if lived_s > waited_s else before + 1


def wait_s(failures: int, *, jitter: float, settings: CaptureSettings) -> float:
    """The wait after that many failures in a row.

    Args:
        failures: From :func:`count_failures`.
        jitter: From 0 to 1, at random, so that a hundred boxes don't all call a camera server at one time.
        settings: Where the first wait and the longest are.

    Returns:
        Seconds: between half of the doubled wait and all of it, at most ``max_wait_s``.
    """
    doubled_s = settings.first_wait_s * 2.0 ** min(failures, _MAX_DOUBLINGS)
    return min(doubled_s, settings.max_wait_s) * (0.5 + jitter / 2)
