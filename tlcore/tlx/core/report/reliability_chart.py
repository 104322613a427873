"""The reliability diagram: how often a model is right against how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tlx.core.evaluation.calibration import ReliabilityBin
from tlx.core.evaluation.metrics import wilson_interval
from tlx.core.report.axes import Axes, ticks
from tlx.core.report.curve_charts import picture
from tlx.core.report.markup import Markup, element
from tlx.core.report.words import counted, percent

_HEIGHT: Final = 376
_LARGEST_LOW: Final = 0.9
_COUNTS_TOP, _COUNTS_BOTTOM = 272, 330


def reliability_chart(bins: Sequence[ReliabilityBin], ece: float) -> Markup:
    """Draw accuracy over confidence with 95 % intervals, and below how many photos each bin holds.

    Args:
        bins: Those with photos, in order; at least one.
        ece: The expected calibration error.
    """
    # The axis needs some width even where every confidence is 1.
    low = min(math.floor(min(row.confidence for row in bins) * 10 + 1e-9) / 10, _LARGEST_LOW)
    axes = Axes((low, 1.0), (0.0, 1.0), bottom=262, top=16)
    x_ticks, y_ticks = ticks(*axes.x_range), ticks(*axes.y_range)
    total, largest = sum(row.count for row in bins), max(row.count for row in bins)
    parts = [
        axes.rows(y_ticks, [f"{tick:.0%}" for tick in y_ticks]),
        element("line", class_="ideal", x1=axes.x(low), y1=axes.y(low), x2=axes.x(1), y2=axes.y(1)),
        *(_gap(axes, row) for row in bins),
        *(_point(axes, row, total) for row in bins),
        *(_count_bar(axes, row, largest) for row in bins),
        axes.columns(x_ticks, [f"{tick:.0%}" for tick in x_ticks], "confidence", below=_COUNTS_BOTTOM),
    ]
    description = f"Expected calibration error {ece:.4f} over {counted(len(bins), 'bin')} with photos. " + " ".join(
        f"{counted(row.count, 'photo')} at {percent(row.confidence, 0)}: {percent(row.accuracy, 0)} right."
        for row in bins
    )
    return picture("Accuracy over confidence", description, parts, height=_HEIGHT)


def _gap(axes: Axes, row: ReliabilityBin) -> Markup:
    """The line from what was promised to what was kept."""
    x = axes.x(row.confidence)
    return element("line", class_="gap", x1=x, x2=x, y1=axes.y(row.confidence), y2=axes.y(row.accuracy))


def _point(axes: Axes, row: ReliabilityBin, total: int) -> Markup:
    low, high = wilson_interval(round(row.accuracy * row.count), row.count)
    x = axes.x(row.confidence)
    words = (
        f"{counted(row.count, 'photo')} with a mean confidence of {percent(row.confidence)}: "
        f"{percent(row.accuracy)} right ({percent(low)} to {percent(high)})"
    )
    return element(
        "g",
        element("title", words),
        element("line", class_="whisker", x1=x, x2=x, y1=axes.y(low), y2=axes.y(high)),
        element("circle", class_="point", cx=x, cy=axes.y(row.accuracy), r=4 + 7 * math.sqrt(row.count / total)),
    )


def _count_bar(axes: Axes, row: ReliabilityBin, largest: int) -> Markup:
    height = (_COUNTS_BOTTOM - _COUNTS_TOP) * row.count / largest
    left, right = axes.x(max(row.low, axes.x_range[0])), axes.x(row.high)
    bar = {"x": left + 1, "y": _COUNTS_BOTTOM - height, "width": right - left - 2, "height": height}
    return element("rect", element("title", counted(row.count, "photo")), class_="count", **bar)
