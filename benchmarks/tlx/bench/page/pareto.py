"""Accuracy over time: which models no other one beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tlx.bench.row_parts import Accuracy
from tlx.bench.rows import EngineRow
from tlx.bench.table import number
from tlx.core.report.axes import Axes, round_step, ticks
from tlx.core.report.curve_charts import picture
from tlx.core.report.markup import Markup, element
from tlx.core.report.pareto import is_on_front, stair
from tlx.core.report.scale import LogScale, scale_for
from tlx.core.report.words import percent

_BOTTOM: Final = 250.0
_TOP: Final = 16.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One engine with a model, as a choice.

    Attributes:
        number: Of its row on the page, from 1.
        name: What it is.
        photo_ms: Time of a photo: that of a call by the batch.
        accuracy: On labelled photos.
        share: The share that it gets right, 0 to 1.
        is_right: It computes what its network does; otherwise it's no choice, and is shown all the same.
        is_best: No other right choice is both at least as accurate and at least as fast.
    """

    number: int
    name: str
    photo_ms: float
    accuracy: Accuracy
    share: float
    is_right: bool
    is_best: bool


def choices(rows: Sequence[EngineRow]) -> list[Choice]:
    """Those rows whose accuracy and time are known, and which of them are on the Pareto front."""
    known = [
        (
            place,
            row.name,
            row.p50_ms / row.batch,
            row.accuracy,
            row.accuracy.correct / row.accuracy.photos,
            not row.is_wrong,
        )
        for place, row in enumerate(rows, start=1)
        if row.accuracy is not None and row.p50_ms is not None
    ]
    points = [(time_ms, share) for _, _, time_ms, _, share, is_right in known if is_right]
    return [Choice(*one, is_best=one[5] and is_on_front((one[2], one[4]), points)) for one in known]


def pareto_chart(found: Sequence[Choice]) -> Markup:
    """Draw accuracy with its interval over the time of a photo; a stair joins the best choices.

    Args:
        found: At least one.
    """
    scale = scale_for([choice.photo_ms for choice in found])
    scale = LogScale(scale.low, scale.high, left=58, right=450)
    low = min(choice.accuracy.low for choice in found)
    high = max(choice.accuracy.high for choice in found)
    step = round_step(max(high - low, 0.01) / 5)
    y_range = (max(0.0, math.floor(low / step) * step), min(1.0, math.ceil(high / step) * step))
    axes = Axes((0.0, 1.0), y_range, left=scale.left, right=scale.right, top=_TOP, bottom=_BOTTOM)
    marks = ticks(*axes.y_range)
    parts = [
        axes.rows(marks, [f"{mark:.1%}" for mark in marks]),
        scale.columns(_TOP, _BOTTOM, "ms a photo (p50)"),
        *_stair(axes, scale, found),
        *(_point(axes, scale, choice) for choice in found),
    ]
    words = "; ".join(f"{choice.name}: {_figures(choice)}" for choice in found)
    return picture("Accuracy over the time of a photo", f"{words}.", parts, height=_BOTTOM + 42)


def _stair(axes: Axes, scale: LogScale, found: Sequence[Choice]) -> list[Markup]:
    points = [(choice.photo_ms, choice.share) for choice in found if choice.is_right]
    return [stair(axes, scale, points)] if points else []


def _point(axes: Axes, scale: LogScale, choice: Choice) -> Markup:
    x, y = scale.x(choice.photo_ms), axes.y(choice.share)
    low, high = axes.y(choice.accuracy.low), axes.y(choice.accuracy.high)
    return element(
        "g",
        element("title", f"{choice.name}: {_figures(choice)}"),
        element("line", class_="whisker", x1=x, x2=x, y1=low, y2=high),
        element("circle", class_="best" if choice.is_best else "beaten", cx=x, cy=y, r=6),
        element("text", str(choice.number), class_="name", x=x + 9, y=y - 6),
    )


def _figures(choice: Choice) -> str:
    accuracy = choice.accuracy
    interval = f"{percent(accuracy.low)} to {percent(accuracy.high)}"
    return f"{percent(choice.share)} right ({interval}) of {accuracy.photos:,}, {number(choice.photo_ms)} ms"
