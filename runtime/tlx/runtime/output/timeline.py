"""When a picture is seen in a video of constant rate: pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

LONGEST_PAUSE_S: Final = 5.0
"""A longer time without a picture is cut to this in live video: an hour without a camera isn't an hour of video."""
SLOWEST_RATE: Final = 1.0
"""Players don't like fewer pictures a second."""
FASTEST_RATE: Final = 240.0
USUAL_RATE: Final = 25.0
"""For a video that doesn't tell its own."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """How far a video is.

    Attributes:
        rate: Pictures a second.
        origin_s: The time of its beginning.
        slots: Pictures that it has.
        longest_pause_s: A longer time without a picture is shortened to this.
    """

    rate: float
    origin_s: float
    slots: int = 0
    longest_pause_s: float = math.inf


def advance(timeline: Timeline, at_s: float) -> tuple[Timeline, int, bool]:
    """What a picture of a time does to a video.

    Args:
        timeline: How far it is.
        at_s: The picture's time, on the same clock as the origin.

    Returns:
        The timeline with the picture in it, how often the picture before is to be repeated first, and whether this
        one is to be written (otherwise its place is taken already).
    """
    pause_s = at_s - (timeline.origin_s + timeline.slots / timeline.rate)
    origin_s = timeline.origin_s
    if timeline.slots and pause_s > timeline.longest_pause_s:
        origin_s += pause_s - timeline.longest_pause_s
    slot = math.floor((at_s - origin_s) * timeline.rate + 0.5)
    if slot < timeline.slots:
        return timeline, 0, False
    return replace(timeline, origin_s=origin_s, slots=slot + 1), slot - timeline.slots, True


def rate_of_file(told: float, stride: int) -> float:
    """The rate of a video made of every so many-th picture of another.

    Args:
        told: What that one's header says; anything, where it says nonsense.
        stride: Every how many-th, at least 1.
    """
    return min(max(usable_rate(told) / stride, SLOWEST_RATE), FASTEST_RATE)


def usable_rate(told: float) -> float:
    """The rate that a video's header tells, or the usual one where that is nonsense."""
    return told if math.isfinite(told) and 0 < told <= FASTEST_RATE else USUAL_RATE
