"""From a file's bytes to a label: how long each step takes, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tlx.bench.page.words import fitted
from tlx.bench.row_parts import Stages
from tlx.bench.rows import EngineRow
from tlx.bench.table import number
from tlx.core.report.axes import Axes, decimals, ticks
from tlx.core.report.curve_charts import picture
from tlx.core.report.markup import Markup, element, join

STEPS: Final = ("decode", "resize", "inference", "post")
_STRIP: Final = 46
_BAR: Final = 20
_NAME_WIDTH: Final = 350


def stage_chart(rows: Sequence[EngineRow]) -> Markup:
    """Draw a bar for each engine, made of its steps.

    Args:
        rows: Engines whose stages are known; at least one.
    """
    told = [(row, stages) for row in rows if (stages := row.stages) is not None]
    longest = max(_together_ms(stages) for _, stages in told) or 1.0
    bottom = _STRIP * len(told) + 4
    axes = Axes((0.0, longest), (0.0, 1.0), left=14, right=466, top=0, bottom=bottom)
    marks = ticks(0.0, longest)
    lines = [element("line", class_="grid", x1=axes.x(mark), x2=axes.x(mark), y1=24, y2=bottom) for mark in marks]
    parts = [*lines, axes.columns(marks, decimals(marks), "ms a call", below=bottom)]
    parts += [_bar(axes, row, stages, _STRIP * place) for place, (row, stages) in enumerate(told)]
    words = "; ".join(f"{row.name}: {_figures(stages)}" for row, stages in told)
    return picture("Time from a file's bytes to a label, by step", f"{words}.", parts, height=bottom + 42)


def _bar(axes: Axes, row: EngineRow, stages: Stages, top: float) -> Markup:
    parts, start_ms = [], 0.0
    for step, time_ms in _times_ms(stages):
        left, right = axes.x(start_ms), axes.x(start_ms + time_ms)
        box = {"x": left, "y": top + 24, "width": right - left, "height": _BAR}
        parts.append(element("rect", element("title", f"{step}: {number(time_ms)} ms"), class_=f"step {step}", **box))
        start_ms += time_ms
    name = element("text", fitted(row.name, _NAME_WIDTH), class_="name", x=axes.left, y=top + 18)
    total = element("text", f"{number(_together_ms(stages))} ms", class_="end", x=axes.right, y=top + 18)
    return element("g", name, total, *parts)


def _times_ms(stages: Stages) -> list[tuple[str, float]]:
    return [(step, stage.p50_ms) for step in STEPS if (stage := getattr(stages, step)) is not None]


def _together_ms(stages: Stages) -> float:
    return sum(time_ms for _, time_ms in _times_ms(stages))


def _figures(stages: Stages) -> str:
    return ", ".join(f"{step} {number(time_ms)} ms" for step, time_ms in _times_ms(stages))


def key() -> Markup:
    """Which colour is which step."""
    spans = (
        element(
            "span",
            element(
                "svg",
                element("rect", class_=f"step {step}", x=4, y=2, width=32, height=12),
                viewBox="0 0 40 16",
                aria_hidden="true",
            ),
            step,
        )
        for step in STEPS
    )
    return element("p", join(spans), class_="key")
