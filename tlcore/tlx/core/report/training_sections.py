"""How the training went: curves, phases, time and energy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tlx.core.curves import SMOOTHING, phase_spans
from tlx.core.report.curve_charts import beyond_scale, curve_chart, key, metrics_told
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section, card, note
from tlx.core.report.source import ReportSource
from tlx.core.report.tables import table
from tlx.core.report.words import UNKNOWN, counted, duration, energy, percent

_METRICS: Final = ("loss", "accuracy", "val_loss", "val_accuracy")


def curves(source: ReportSource) -> Section | None:
    """Accuracy and loss over the epochs; None without any epoch."""
    history, kept_epoch = source.history, source.record.result.kept_epoch
    if not history:
        return None
    metrics = metrics_told(history)
    charts = [card(curve_chart(metric, history, kept_epoch), title=metric.capitalize()) for metric in metrics]
    remark = f"Dots: each epoch. Lines: smoothed with the factor {SMOOTHING}, each phase on its own."
    beyond = beyond_scale("loss", history) if "loss" in metrics else 0
    if beyond:
        remark += f" At the upper edge: {counted(beyond, 'dot')} beyond the scale."
    body = join(
        [key(history), element("div", *charts, class_="columns"), note(remark), card(_phases(source)), _epochs(history)]
    )
    return Section("curves", "Curves", body)


def _phases(source: ReportSource) -> Markup:
    rows = []
    for span in phase_spans(source.history):
        epochs = source.history[span.first - 1 : span.last]
        name = span.name or "training"
        rows.append(
            (
                name,
                f"{span.first} to {span.last}" if span.last > span.first else str(span.first),
                _number(epochs[-1], "accuracy"),
                _best(epochs, "val_accuracy", max),
                _best(epochs, "val_loss", min),
                _learning_rates(source, name, epochs),
                duration(_seconds(epochs)) if _seconds(epochs) else UNKNOWN,
            )
        )
    heads = (
        *("phase", "epochs", "last training accuracy", "best validation accuracy"),
        *("lowest validation loss", "learning rate", "time of its epochs"),
    )
    return table("Phases", *_told(heads, rows))


def _told(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns in which no row has a value."""
    kept = [place for place in range(len(heads)) if any(row[place] != UNKNOWN for row in rows)]
    return [heads[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _number(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return UNKNOWN if value is None else f"{value:.4f}"


def _best(epochs: Sequence[Mapping[str, Any]], name: str, better: Any) -> str:
    values = [row[name] for row in epochs if math.isfinite(row.get(name, math.nan))]
    return f"{better(values):.4f}" if values else UNKNOWN


def _seconds(epochs: Sequence[Mapping[str, Any]]) -> float:
    return float(sum(row.get("seconds", 0.0) for row in epochs))


def _learning_rates(source: ReportSource, name: str, epochs: Sequence[Mapping[str, Any]]) -> str:
    """What each epoch had where the history tells it, else what the recipe says."""
    known = [row["learning_rate"] for row in epochs if row.get("learning_rate") is not None]
    if known:
        low, high = f"{min(known):.3g}", f"{max(known):.3g}"
        return low if low == high else f"{high} to {low}"
    phases = source.record.recipe.get("phases", [])
    planned = [phase.get("learning_rate") for phase in phases if len(phases) == 1 or phase.get("name") == name]
    return f"{planned[0]:g}" if len(planned) == 1 and isinstance(planned[0], float | int) else UNKNOWN


def _epochs(history: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        (
            str(number),
            str(row.get("phase", UNKNOWN)),
            *(_number(row, name) for name in _METRICS),
            f"{row['photos']:,.0f}" if "photos" in row else UNKNOWN,
            f"{row['seconds']:.1f}" if "seconds" in row else UNKNOWN,
        )
        for number, row in enumerate(history, start=1)
    ]
    heads = ("epoch", "phase", "loss", "accuracy", "validation loss", "validation accuracy", "photos", "seconds")
    epochs = table("Epochs", *_told(heads, rows))
    return element("details", element("summary", "All epochs as a table"), card(epochs), class_="fold")


def time_and_energy(source: ReportSource) -> Section:
    """How long each stage took, and the energy it used where that's known."""
    result = source.record.result
    joules: Mapping[str, float] = getattr(result, "energy_j", {}) or {}
    total_s = sum(result.seconds.values())
    rows = [
        [stage, duration(seconds), share_bar(seconds / total_s if total_s else 0.0)]
        for stage, seconds in result.seconds.items()
    ]
    rows += [[stage, UNKNOWN, UNKNOWN] for stage in joules if stage not in result.seconds]
    rows.append(["together", duration(total_s), ""])
    heads = ["stage", "time", "share"]
    if joules:
        heads.append("energy")
        for row in rows[:-1]:
            row.append(energy(joules[row[0]]) if row[0] in joules else UNKNOWN)
        rows[-1].append(energy(sum(joules.values())))
    body = card(table("Stages", heads, rows, class_="totalled"))
    if not joules:
        body = join([body, note("The energy was not measured.")])
    return Section("time", "Time and energy", body)


def share_bar(share: float) -> Markup:
    """A share as a bar with its number."""
    bar = element("span", class_="bar", style=f"--share:{share:.4f}", aria_hidden="true")
    return element("span", bar, percent(share), class_="barred")
