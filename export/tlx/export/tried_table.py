"""The candidates of an export as a table for a person, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tlx.export.cheaper import Tried

_NONE = "-"


def format_tried(tried: Sequence[Tried], chosen: str) -> str:
    """One line each, fp32 first.

    Args:
        tried: fp32 and its candidates.
        chosen: The name of the one that was published.
    """
    header = ("precision", "MB", "right", "points lost", "times as fast", "p50 ms", "")
    rows = [header, *(_cells(row, chosen, tried) for row in tried)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header) - 1)]
    return "\n".join(
        "  ".join(
            (row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=False)))
        )
        + f"  {row[-1]}".rstrip()
        for row in rows
    )


def tried_document(row: Tried) -> dict[str, Any]:
    """A candidate as plain JSON values."""
    return {
        "name": row.name,
        "size_bytes": row.size_bytes,
        "p50_ms": row.p50_ms,
        "accuracy": row.accuracy.model_dump(mode="json") if row.accuracy else None,
        "speed": row.speed.model_dump(mode="json") if row.speed else None,
        "failure": row.failure,
    }


def _cells(row: Tried, chosen: str, tried: Sequence[Tried]) -> tuple[str, ...]:
    records = [each.accuracy for each in tried if each.accuracy]
    right, lost = _NONE, _NONE
    if row.accuracy:
        right = f"{row.accuracy.correct} of {row.accuracy.photos}"
        lost = f"{row.accuracy.drop_points:.2f} (at most {row.accuracy.upper_drop_points:.2f})"
    elif row is tried[0] and records:
        right = f"{records[0].reference_correct} of {records[0].photos}"
    speed = row.speed
    return (
        row.name,
        f"{row.size_bytes / 1e6:.1f}" if row.size_bytes else _NONE,
        right,
        lost,
        f"{speed.ratio:.2f} ({speed.ratio_low:.2f} to {speed.ratio_high:.2f})" if speed else _NONE,
        f"{(speed.p50_ms if speed else row.p50_ms) or 0:.2f}" if speed or row.p50_ms else _NONE,
        _word(row, chosen),
    )


def _word(row: Tried, chosen: str) -> str:
    if row.name == chosen:
        return "published"
    if row.failure is None:
        return ""
    return row.failure.split(":")[0] if row.accuracy or row.speed else row.failure
