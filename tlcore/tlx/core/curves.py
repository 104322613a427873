"""The picture of a training's curves: accuracy and loss, raw and smoothed as in the book."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlx import atomic

SMOOTHING = 0.8
"""The factor of the book's ``smooth_curve`` (section 5.3.2)."""


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """The epochs of one phase, both ends included, counted from 1 over the whole run."""

    name: str
    first: int
    last: int


def smooth(values: Sequence[float], factor: float = SMOOTHING) -> list[float]:
    """Exponential moving average that starts at the first value."""
    smoothed: list[float] = []
    for value in values:
        smoothed.append(smoothed[-1] * factor + value * (1 - factor) if smoothed else value)
    return smoothed


def phase_spans(history: Sequence[Mapping[str, Any]]) -> list[PhaseSpan]:
    """The phases of a history in their order; rows without ``phase`` belong to one without a name."""
    spans: list[PhaseSpan] = []
    for name, rows in itertools.groupby(history, lambda row: str(row.get("phase", ""))):
        first = spans[-1].last + 1 if spans else 1
        spans.append(PhaseSpan(name, first, first + len(list(rows)) - 1))
    return spans


def draw_curves(history: Sequence[Mapping[str, Any]], title: str, path: Path, *, kept_epoch: int | None = None) -> None:
    """Draw training and validation curves as a PNG, each phase smoothed on its own.

    Args:
        history: One entry an epoch with those of ``accuracy``, ``loss``, ``val_accuracy`` and ``val_loss`` that are
            known, and ``phase`` where there are several; what no entry has isn't drawn.
        title: Stands above the picture.
        path: Where it goes; replaced atomically.
        kept_epoch: Marked, from 1 over the whole run.
    """
    # The object interface draws without a display and without pyplot's global state.
    from matplotlib.figure import Figure

    known = {key for epoch in history for key in epoch}
    metrics = [metric for metric in ("accuracy", "loss") if known & {metric, f"val_{metric}"}]
    figure = Figure(figsize=(11 if len(metrics) > 1 else 7, 4.2), layout="constrained")
    spans = phase_spans(history)
    for place, metric in enumerate(metrics, start=1):
        axes = figure.add_subplot(1, len(metrics), place)
        for key, name, color in ((metric, "training", "tab:blue"), (f"val_{metric}", "validation", "tab:orange")):
            if key not in known:
                continue
            values = [epoch[key] for epoch in history]
            axes.plot(range(1, len(values) + 1), values, ".", color=color, alpha=0.45)
            for span in spans:
                epochs = range(span.first, span.last + 1)
                label = name if span is spans[0] else None
                axes.plot(epochs, smooth(values[span.first - 1 : span.last]), color=color, label=label)
        axes.set(xlabel="epoch", ylabel=metric)
        axes.grid(alpha=0.3)
        _mark_phases(axes, spans)
        if kept_epoch is not None:
            axes.axvline(
                kept_epoch, color="tab:green", linestyle="--", linewidth=1.2, label=f"kept: epoch {kept_epoch}"
            )
        axes.legend()
    figure.suptitle(f"{title} (dots: each epoch; lines: smoothed, factor {SMOOTHING})", parse_math=False)
    with atomic.replacing(path) as temporary, warnings.catch_warnings():
        # A folder's name may be in any script; what matplotlib's font lacks becomes a box.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(temporary, dpi=110, format="png")


def _mark_phases(axes: Any, spans: Sequence[PhaseSpan]) -> None:
    """Shade every second phase and write the names along the top; one phase alone needs neither."""
    if len(spans) < 2:  # noqa: PLR2004 - nothing to tell apart
        return
    for place, span in enumerate(spans):
        if place % 2:
            axes.axvspan(span.first - 0.5, span.last + 0.5, color="black", alpha=0.06, linewidth=0)
        axes.annotate(
            span.name,
            ((span.first + span.last) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            color="dimgray",
            parse_math=False,
        )
