"""Charts of a training: a metric over the epochs, with its phases and the kept epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tlx.core.curves import PhaseSpan, phase_spans, smooth
from tlx.core.report.axes import Axes, decimals, round_step, ticks
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.words import counted, shortened

Metric = Literal["accuracy", "loss"]

_CHARACTER_WIDTH: Final = 8.5
_NARROWEST_NAME: Final = 4
_OUTLIER: Final = 1.6


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    class_: str
    values: list[float]


def curve_chart(metric: Metric, history: Sequence[Mapping[str, Any]], kept_epoch: int) -> Markup:
    """Draw a metric of training and validation, where they are told: a dot an epoch, each phase's smoothed line.

    Values that are missing or no numbers are left out.

    Args:
        metric: Also found with ``val_`` before it.
        history: One row an epoch; at least one.
        kept_epoch: From 1.
    """
    series = _series(metric, history)
    spans = phase_spans(history)
    axes = Axes((0.5, len(history) + 0.5), _range(metric, series))
    y_ticks = ticks(*axes.y_range)
    x_ticks = [tick for tick in ticks(1, max(2, len(history)), whole=True) if 1 <= tick <= len(history)]
    parts = [
        *_bands(axes, spans),
        axes.rows(y_ticks, decimals(y_ticks)),
        axes.columns(x_ticks, decimals(x_ticks), "epoch", below=axes.bottom),
        _kept_line(axes, kept_epoch),
        *(_dots(axes, one) for one in series),
        _clip(axes, metric),
        element("g", *(_lines(axes, one, spans) for one in series), clip_path=f"url(#{metric}-plot)"),
        _kept_ring(axes, series[-1], kept_epoch),
    ]
    title = f"{metric.capitalize()} in each epoch"
    return picture(title, _description(metric, series[-1], kept_epoch), parts, height=294)


def picture(title: str, description: str, parts: Sequence[Markup], *, height: float) -> Markup:
    """An SVG of 480 units' width that scales with the page."""
    words = (element("title", title), element("desc", description))
    return element(
        "svg", *words, *parts, viewBox=f"0 0 480 {height:g}", role="img", aria_label=f"{title}. {description}"
    )


def metrics_told(history: Sequence[Mapping[str, Any]]) -> tuple[Metric, ...]:
    """The metrics that a history has: of training, of validation, or both."""
    metrics: tuple[Metric, ...] = ("accuracy", "loss")
    return tuple(metric for metric in metrics if _tells(history, metric) or _tells(history, f"val_{metric}"))


def _tells(history: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(key in row for row in history)


def _series(metric: Metric, history: Sequence[Mapping[str, Any]]) -> list[_Series]:
    """What the history tells of a metric, validation last."""
    names = {metric: ("training", "train"), f"val_{metric}": ("validation", "validation")}
    return [_Series(*words, _values(history, key)) for key, words in names.items() if _tells(history, key)]


def _values(history: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [float(row.get(key, math.nan)) for row in history]


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _range(metric: Metric, series: Sequence[_Series]) -> tuple[float, float]:
    values = [value for one in series for value in _finite(one.values)]
    if metric == "accuracy":
        low = min([*values, 0.95])
        step = round_step((1 - low) / 5)
        return max(0.0, math.floor(low / step + 1e-9) * step), 1.0
    # A first epoch far off would press all the others to the floor, so the scale ends below it; the page says so.
    ordered = sorted(values) or [1.0]
    typical = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    high = min(ordered[-1], _OUTLIER * typical) or 1.0
    step = round_step(high / 5)
    return 0.0, math.ceil(high / step - 1e-9) * step


def _bands(axes: Axes, spans: Sequence[PhaseSpan]) -> list[Markup]:
    """Phases as shaded bands under their names; one phase without a name needs none."""
    if not any(span.name for span in spans):
        return []
    parts = []
    for place, span in enumerate(spans):
        left, right = axes.x(span.first - 0.5), axes.x(span.last + 0.5)
        band = {"x": left, "y": axes.top, "width": right - left, "height": axes.bottom - axes.top}
        name = f"phase {span.name}: {counted(span.last - span.first + 1, 'epoch')}"
        parts.append(element("rect", element("title", name), class_=f"band band{place % 2}", **band))
        fits = int((right - left) / _CHARACTER_WIDTH)
        if fits >= min(len(span.name), _NARROWEST_NAME):
            text = shortened(span.name, fits)
            parts.append(element("text", text, class_="phase middle", x=(left + right) / 2, y=axes.top - 8))
        if place:
            parts.append(element("line", class_="border", x1=left, x2=left, y1=axes.top - 20, y2=axes.bottom))
    return parts


def _clip(axes: Axes, metric: Metric) -> Markup:
    """Cuts lines off where they leave the scale."""
    area = {"x": axes.left, "y": axes.top - 2, "width": axes.right - axes.left, "height": axes.bottom - axes.top + 4}
    return element("clipPath", element("rect", **area), id=f"{metric}-plot")


def _at_edge(axes: Axes, value: float) -> float:
    """The height of a dot; what lies beyond the scale is drawn at its edge."""
    low, high = axes.y_range
    return axes.y(min(max(value, low), high))


def _dots(axes: Axes, series: _Series) -> Markup:
    places = [
        (axes.x(epoch), _at_edge(axes, value)) for epoch, value in enumerate(series.values, 1) if math.isfinite(value)
    ]
    steps = " ".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
    return element("path", class_=f"dots {series.class_}", d=steps)


def _lines(axes: Axes, series: _Series, spans: Sequence[PhaseSpan]) -> Markup:
    """Smoothed within each phase: from one to the next the weights that train, and so the curves, may jump."""
    lines = []
    for span in spans:
        known = [
            (epoch, value)
            for epoch, value in enumerate(series.values[span.first - 1 : span.last], span.first)
            if math.isfinite(value)
        ]
        smoothed = smooth([value for _, value in known])
        places = [(axes.x(epoch), axes.y(value)) for (epoch, _), value in zip(known, smoothed, strict=True)]
        lines.append(" ".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(places)))
    return element("path", class_=f"line {series.class_}", d=" ".join(filter(None, lines)))


def _kept_line(axes: Axes, epoch: int) -> Markup:
    x = axes.x(epoch)
    if not axes.left <= x <= axes.right:
        return Markup("")
    return element("line", class_="kept", x1=x, x2=x, y1=axes.top, y2=axes.bottom)


def _kept_ring(axes: Axes, series: _Series, epoch: int) -> Markup:
    if not 1 <= epoch <= len(series.values) or not math.isfinite(series.values[epoch - 1]):
        return Markup("")
    return element("circle", class_="ring", cx=axes.x(epoch), cy=_at_edge(axes, series.values[epoch - 1]), r=6)


def _description(metric: Metric, series: _Series, kept_epoch: int) -> str:
    values = _finite(series.values)
    if not values:
        return f"No {series.name} {metric} is known."
    best = (max if metric == "accuracy" else min)(values)
    kept = series.values[kept_epoch - 1] if 1 <= kept_epoch <= len(series.values) else math.nan
    ending = f", {kept:.4f} in the kept epoch {kept_epoch}" if math.isfinite(kept) else ""
    return (
        f"{series.name.capitalize()}: {values[0]:.4f} at first, {values[-1]:.4f} at last, {best:.4f} at best{ending}."
    )


def beyond_scale(metric: Metric, history: Sequence[Mapping[str, Any]]) -> int:
    """How many dots of a chart lie beyond its scale and are drawn at its edge."""
    series = _series(metric, history)
    _, high = _range(metric, series)
    return sum(value > high for one in series for value in _finite(one.values))


def key(history: Sequence[Mapping[str, Any]]) -> Markup:
    """What the marks in the charts of a history mean."""
    told = {(one.class_, one.name): None for metric in metrics_told(history) for one in _series(metric, history)}
    entries = []
    for class_, text in told:
        marks = [
            element("path", class_=f"line {class_}", d="M2 8H38"),
            element("path", class_=f"dots {class_}", d="M20 8h0"),
        ]
        entries.append((marks, text))
    entries.append(([element("line", class_="kept", x1=20, x2=20, y1=0, y2=16)], "kept epoch"))
    return element(
        "p",
        join(
            element("span", element("svg", *marks, viewBox="0 0 40 16", aria_hidden="true"), text)
            for marks, text in entries
        ),
        class_="key",
    )
