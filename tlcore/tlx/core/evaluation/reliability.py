"""The reliability diagram: how often a model is right against how sure it says it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tlx import atomic
from tlx.core.evaluation.calibration import BINS, Calibration, ReliabilityBin, calibration_error
from tlx.core.evaluation.metrics import CONFIDENCE, wilson_interval
from tlx.errors import MissingDependencyError, OutputError

SUFFIXES: Final = (".png", ".svg")
_COLORS: Final = ("tab:blue", "tab:orange", "tab:green")


def reliability_tables(calibration: Calibration) -> dict[str, tuple[ReliabilityBin, ...]]:
    """What a diagram shows: the answers as they are, and with the temperature that the model carries, if any."""
    tables = {"as it answers": calibration.bins}
    if carried := calibration.carried:
        tables[f"at its temperature {carried.temperature:.2f}"] = carried.bins
    return tables


def draw_reliability(tables: Mapping[str, Sequence[ReliabilityBin]], path: Path) -> None:
    """Draw reliability tables: accuracy against confidence with Wilson's intervals, and where the photos lie.

    Args:
        tables: One to three, each with at least one bin, under the names that the legend shows.
        path: Where it goes, ``.png`` or ``.svg``; replaced atomically.

    Raises:
        MissingDependencyError: If matplotlib isn't installed.
        OutputError: If the file has another suffix or can't be written.
    """
    require_drawable(path)
    # The object interface draws without a display and without pyplot's global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 6.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color="gray", linestyle=":", label="as often right as it says")
    for number, (name, table) in enumerate(tables.items()):
        _draw_table(upper, table, f"{name} (ECE {calibration_error(table):.4f})", _COLORS[number])
        shift = (number - (len(tables) - 1) / 2) / (BINS * len(tables)) * 0.8
        centres = [(row.low + row.high) / 2 + shift for row in table]
        width = 0.8 / (BINS * len(tables))
        lower.bar(centres, [row.count for row in table], width=width, color=_COLORS[number], alpha=0.8)
    lowest = min(row.low for table in tables.values() for row in table)
    upper.set(ylabel=f"share that is right ({CONFIDENCE:.0%} interval)", ylim=(-0.03, 1.03))
    lower.set(xlabel="confidence: probability of the likeliest class", ylabel="photos", xlim=(lowest - 0.02, 1.02))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    lower.set_yscale("symlog", linthresh=1)  # most photos lie in the last bin: one in another must still be seen
    figure.legend(loc="outside upper center", fontsize="small")
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format=path.suffix.lower().removeprefix("."))


def require_drawable(path: Path) -> None:
    """Refuse what could only fail after minutes of work.

    Raises:
        MissingDependencyError: If matplotlib isn't installed.
        OutputError: If the file's suffix is no picture's.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
    try:
        import matplotlib as mpl  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            f"a diagram needs matplotlib ({error}): run \"pip install 'tlx-edge[train]'\""
        ) from error


def _draw_table(axes: Any, table: Sequence[ReliabilityBin], name: str, color: str) -> None:
    accuracy = np.array([row.accuracy for row in table])
    bounds = np.array([wilson_interval(round(row.accuracy * row.count), row.count) for row in table])
    axes.errorbar(
        [row.confidence for row in table],
        accuracy,
        yerr=np.abs(bounds.T - accuracy),
        marker="o",
        markersize=4,
        linewidth=0.8,
        elinewidth=1.5,
        capsize=2,
        color=color,
        label=name,
    )
