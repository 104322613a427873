"""Accuracy over time: what no other choice beats in both, and the stair that joins these."""

from __future__ import annotations

from collections.abc import Sequence

from tlx.core.report.axes import Axes
from tlx.core.report.markup import Markup, element
from tlx.core.report.scale import LogScale

Choice = tuple[float, float]
"""Time in milliseconds, and accuracy from 0 to 1."""


def is_on_front(point: Choice, points: Sequence[Choice]) -> bool:
    """Whether no other point of (time, accuracy) is at least as good in both and better in one."""
    return not any(time_ms <= point[0] and share >= point[1] and (time_ms, share) != point for time_ms, share in points)


def stair(axes: Axes, scale: LogScale, points: Sequence[Choice]) -> Markup:
    """Draw the best accuracy that each time can buy.

    Args:
        axes: The plot; accuracies below it run along its lower edge.
        scale: Of the times.
        points: At least one.
    """
    best = sorted(point for point in points if is_on_front(point, points))
    places = [(scale.x(time_ms), axes.y(max(share, axes.y_range[0]))) for time_ms, share in best]
    path = f"M{places[0][0]:.1f} {axes.bottom:.1f}V{places[0][1]:.1f}"
    path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])
    return element("path", class_="stair", d=f"{path}H{axes.right:.1f}")
