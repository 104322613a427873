"""Each round beside the engine's own median: what drifts or was disturbed shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tlx.bench.page.words import fitted
from tlx.bench.rows import EngineRow
from tlx.core.report.curve_charts import picture
from tlx.core.report.markup import Markup, element
from tlx.core.report.words import counted, percent

_STRIP: Final = 58
_LINE: Final = 32
_LEFT: Final = 14
_RIGHT: Final = 466
_NAME_WIDTH: Final = 330
_LEAST_REACH: Final = 0.05


def rounds_chart(rows: Sequence[EngineRow]) -> Markup:
    """Draw the median call of each round as a line around the median of all rounds.

    Args:
        rows: Engines with at least two rounds each; at least one.
    """
    deviations = [np.asarray(row.round_medians_ms) / np.median(row.round_medians_ms) - 1 for row in rows]
    reach = max(_LEAST_REACH, *(float(np.abs(one).max()) for one in deviations))
    parts = []
    for place, (row, values) in enumerate(zip(rows, deviations, strict=True)):
        parts.append(_strip(row, values.tolist(), reach, _STRIP * place))
    words = "; ".join(
        f"{row.name}: {percent(values.min(), 1)} to {percent(values.max(), 1)}"
        for row, values in zip(rows, deviations, strict=True)
    )
    title = "Each round's median beside the median of all rounds"
    return picture(title, f"{words}.", parts, height=_STRIP * len(rows) + 6)


def _strip(row: EngineRow, values: list[float], reach: float, top: float) -> Markup:
    middle = top + _STRIP - 2 - _LINE / 2
    step = (_RIGHT - _LEFT) / max(len(values) - 1, 1)
    places = [(_LEFT + step * number, middle - value / reach * _LINE / 2) for number, value in enumerate(values)]
    path = "".join(f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(places))
    span = f"{percent(min(values), 0)} to +{percent(max(values), 0)}"
    return element(
        "g",
        element("title", f"{row.name}: {counted(len(values), 'round')}, {span}"),
        element("text", fitted(row.name, _NAME_WIDTH), class_="name", x=_LEFT, y=top + 19),
        element("text", span, class_="end", x=_RIGHT, y=top + 19),
        element("line", class_="grid", x1=_LEFT, x2=_RIGHT, y1=middle, y2=middle),
        element("path", class_="trace", d=path),
    )
