"""Where the values of a chart lie in its picture, and the grid behind them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tlx.core.report.markup import Markup, element, join

_TICKS: Final = 6
_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Axes:
    """A plot's rectangle in a picture, in the picture's own units, and the values at its edges.

    Attributes:
        left: Of the plot; ``right``, ``top`` and ``bottom`` alike, ``top`` being the smaller one.
        x_range: The values at the left and at the right edge.
        y_range: The values at the bottom and at the top edge.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    left: float = 52
    right: float = 470
    top: float = 26
    bottom: float = 250

    def x(self, value: float) -> float:
        """From a value to a place."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """From a value to a place."""
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def rows(self, values: Sequence[float], words: Sequence[str]) -> Markup:
        """Lines across at some values, with a word beside each."""
        return join(self._rows(values, words))

    def _rows(self, values: Sequence[float], words: Sequence[str]) -> Iterator[Markup]:
        for value, word in zip(values, words, strict=True):
            y = self.y(value)
            yield element("line", class_="grid", x1=self.left, x2=self.right, y1=y, y2=y)
            yield element("text", word, class_="end", x=self.left - 8, y=y, dy="0.35em")

    def columns(self, values: Sequence[float], words: Sequence[str], title: str, *, below: float) -> Markup:
        """A word for each of some values along a horizontal edge, and under them what it counts."""
        marks = [
            element("text", word, class_="middle", x=self.x(value), y=below, dy="1.4em")
            for value, word in zip(values, words, strict=True)
        ]
        middle = (self.left + self.right) / 2
        return join([*marks, element("text", title, class_="middle", x=middle, y=below, dy="2.75em")])


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """About five round numbers from ``low`` to ``high``, both ends allowed.

    Args:
        low: Below ``high``.
        high: Above ``low``.
        whole: Only whole numbers, for things that are counted.
    """
    step = round_step((high - low) / (_TICKS - 1))
    if whole:
        step = max(1.0, float(math.ceil(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def decimals(values: Sequence[float]) -> list[str]:
    """Numbers with as many places as the one that needs most."""
    places = max((len(f"{value:g}".partition(".")[2]) for value in values), default=0)
    return [f"{value:.{places}f}" for value in values]


def round_step(roughly: float) -> float:
    """The next round number (1, 2, 2.5 or 5 times a power of ten) from ``roughly`` upwards."""
    power = 10.0 ** math.floor(math.log10(roughly))
    return next(step * power for step in _STEPS if step * power >= roughly * (1 - 1e-9))
