"""The picture of a training's curves: accuracy and loss, raw and smoothed as in the book."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlx import atomic

SMOOTHING = 0.8
"""The factor of the book's ``smooth_curve`` (section 5.3.2)."""


def smooth(values: Sequence[float], factor: float = SMOOTHING) -> list[float]:
    """Exponential moving average that starts at the first value."""
    smoothed: list[float] = []
    for value in values:
        smoothed.append(smoothed[-1] * factor + value * (1 - factor) if smoothed else value)
    return smoothed


def draw_curves(history: Sequence[dict[str, float]], title: str, path: Path) -> None:
    """Draw training and validation curves as a PNG.

    Args:
        history: One entry an epoch with ``accuracy``, ``loss``, ``val_accuracy``, ``val_loss``.
        title: Stands above the picture.
        path: Where it goes; replaced atomically.
    """
    # The object interface draws without a display and without pyplot's global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    epochs = range(1, len(history) + 1)
    for place, metric in enumerate(("accuracy", "loss"), start=1):
        axes = figure.add_subplot(1, 2, place)
        for key, name, color in ((metric, "training", "tab:blue"), (f"val_{metric}", "validation", "tab:orange")):
            values = [epoch[key] for epoch in history]
            axes.plot(epochs, values, ".", color=color, alpha=0.45)
            axes.plot(epochs, smooth(values), color=color, label=name)
        axes.set(xlabel="epoch", ylabel=metric)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(f"{title} (dots: each epoch; lines: smoothed, factor {SMOOTHING})")
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
