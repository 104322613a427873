"""How the calls of each engine are distributed, one below the other on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from tlx.bench.page.words import fitted
from tlx.bench.rows import EngineRow
from tlx.bench.table import number
from tlx.core.report.curve_charts import picture
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.scale import LogScale, scale_for
from tlx.core.report.words import counted

_BINS: Final = 75
_STRIP: Final = 62
_HILL: Final = 34
_NAME_WIDTH: Final = 452
_OUTLIERS: Final = 0.998
"""The scale ends where this share of an engine's calls has ended; the others stand at its edge."""


def distribution_chart(rows: Sequence[EngineRow], *, relative: bool = False) -> Markup:
    """Draw each engine's calls as a hill over their times, with p50, p90 and p99.

    Args:
        rows: Engines with calls; at least one.
        relative: In units of the engine's own median, so that all hills are as wide as their spread.
    """
    units = [float(np.median(row.latencies_ms)) if relative else 1.0 for row in rows]
    told = list(zip(rows, units, strict=True))
    ends = [float(np.quantile(row.latencies_ms, share)) / unit for row, unit in told for share in (0.0, _OUTLIERS)]
    scale = scale_for([*ends, *(row.p99_ms / unit for row, unit in told if row.p99_ms is not None)])
    bottom = _STRIP * len(rows) + 4
    parts = [scale.columns(20, bottom, "times the engine's median" if relative else "ms a call")]
    parts += [_strip(scale, row, unit, _STRIP * place) for place, (row, unit) in enumerate(told)]
    words = "; ".join(f"{row.name}: {_figures(row)}" for row in rows)
    title = f"Distribution of the calls' times{', each beside its median' if relative else ''}"
    return picture(title, f"{words}.", parts, height=bottom + 42)


def _strip(scale: LogScale, row: EngineRow, unit: float, top: float) -> Markup:
    base = top + _STRIP - 2
    return element(
        "g",
        element("title", f"{row.name}: {_figures(row)}"),
        element("text", fitted(row.name, _NAME_WIDTH), class_="name", x=scale.left, y=top + 19),
        _hill(scale, [latency_ms / unit for latency_ms in row.latencies_ms], base),
        *_marks(scale, row, unit, base),
        element("line", class_="floor", x1=scale.left, x2=scale.right, y1=base, y2=base),
        class_="wrong" if row.is_wrong else "right",
    )


def _hill(scale: LogScale, times: Sequence[float], base: float) -> Markup:
    edges = np.geomspace(scale.low, scale.high, _BINS + 1)
    counts, _ = np.histogram(np.clip(times, scale.low, scale.high), edges)
    highest = max(int(counts.max()), 1)
    steps = [f"M{scale.left:.1f} {base:.1f}"]
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        y = base - _HILL * math.sqrt(count / highest)
        steps.append(f"L{scale.x(low):.1f} {y:.1f}L{scale.x(high):.1f} {y:.1f}")
    return element("path", class_="hill", d=f"{''.join(steps)}L{scale.right:.1f} {base:.1f}Z")


def _marks(scale: LogScale, row: EngineRow, unit: float, base: float) -> list[Markup]:
    marks = []
    for name, value in (("p50", row.p50_ms), ("p90", row.p90_ms), ("p99", row.p99_ms)):
        if value is not None:
            x = scale.x(value / unit)
            marks.append(element("line", class_=f"mark {name}", x1=x, x2=x, y1=base - _HILL, y2=base))
    if row.p50_ci95_ms is not None:
        low, high = (scale.x(end / unit) for end in row.p50_ci95_ms)
        marks.append(element("rect", class_="interval", x=low, y=base - 3, width=max(high - low, 1), height=6))
    return marks


def _figures(row: EngineRow) -> str:
    figures = [
        f"{name} {number(value)} ms" for name, value in (("p50", row.p50_ms), ("p90", row.p90_ms), ("p99", row.p99_ms))
    ]
    return f"{', '.join(figures)}, {counted(row.n, 'call')}"


def key() -> Markup:
    """What the marks mean."""
    entries = [
        (element("rect", class_="interval", x=8, y=5, width=24, height=6), "95 % interval of p50"),
        *((element("line", class_=f"mark {name}", x1=20, x2=20, y1=0, y2=16), name) for name in ("p50", "p90", "p99")),
        (element("rect", class_="hill", x=4, y=3, width=32, height=12), "calls (root scale)"),
    ]
    spans = (
        element("span", element("svg", mark, viewBox="0 0 40 16", aria_hidden="true"), text) for mark, text in entries
    )
    return element("p", join(spans), class_="key right")
