"""A horizontal axis of times, logarithmic: engines and networks differ by factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tlx.core.report.axes import ticks
from tlx.core.report.markup import Markup, element, join

_STEPS: Final = (1, 2, 5)
_MOST_TICKS: Final = 7


@dataclass(frozen=True, slots=True)
class LogScale:
    """Where times lie in a picture, in the picture's own units.

    Attributes:
        low: The time at the left edge, above 0.
        high: The time at the right edge, above ``low``.
        left: The left edge.
        right: The right edge.
    """

    low: float
    high: float
    left: float = 14
    right: float = 466

    def x(self, value: float) -> float:
        """From a time to a place; what lies beyond is put at the edge."""
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return self.left + share * (self.right - self.left)

    def ticks(self) -> list[float]:
        """Some round times."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in (_STEPS, (1, 3), (1,)):
            found = [step * 10.0**power for power in powers for step in steps]
            found = [tick for tick in found if self.low <= tick * (1 + 1e-9) and tick <= self.high * (1 + 1e-9)]
            if len(found) <= _MOST_TICKS:
                break
        # Within a factor of two or so there are too few of these.
        return found if len(found) > 2 else ticks(self.low, self.high)  # noqa: PLR2004 - two say little of a scale

    def columns(self, top: float, bottom: float, title: str) -> Markup:
        """Lines at some times from ``top`` to ``bottom``, the times below them, and what they are."""
        parts = []
        for tick in self.ticks():
            x = self.x(tick)
            parts.append(element("line", class_="grid", x1=x, x2=x, y1=top, y2=bottom))
            parts.append(element("text", f"{tick:.3g}", class_="middle", x=x, y=bottom, dy="1.3em"))
        middle = (self.left + self.right) / 2
        return join([*parts, element("text", title, class_="middle", x=middle, y=bottom, dy="2.7em")])


def scale_for(values: Sequence[float]) -> LogScale:
    """A scale that shows all of some times, with a little room beside them.

    Args:
        values: At least one; those of 0 are taken for the smallest other.
    """
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive), max(positive)
    room = max((high / low) ** 0.04, 1.02)
    return LogScale(low / room, high * room)
