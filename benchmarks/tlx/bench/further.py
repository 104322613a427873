"""What a bench tells beside latencies, as one table: only the columns of which something is known.

``end to end``: from a file's bytes to a label. ``start``: from the start of a process to its first label. ``photos/s,
later``: in the first minute of a run without a pause, and in the rest of it. ``on GPU``: without transfers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tlx.bench.document import BenchDocument
from tlx.bench.row_names import with_full_names
from tlx.bench.rows import EngineRow

_MB: Final = 1e6
_WHOLE: Final = 100
"""From so many photos a second on whole numbers tell enough."""


def further_table(document: BenchDocument) -> list[tuple[str, ...]]:
    """Headings and a row for each engine that didn't fail, the first cell its name; empty if nothing is known."""
    named = with_full_names(document).engines
    told = [(row, [tell(row) for _, tell in _COLUMNS]) for row in named if row.status != "failed"]
    # Every model has a size: alone it makes no table.
    told = [(row, cells) for row, cells in told if any(cells[1:])]
    used = [column for column in range(len(_COLUMNS)) if any(cells[column] for _, cells in told)]
    rows = [(row.name, *(cells[column] for column in used)) for row, cells in told]
    return [("engine", *(_COLUMNS[column][0] for column in used)), *rows] if rows else []


def _file_mb(row: EngineRow) -> str:
    return "" if row.model_bytes is None else f"{row.model_bytes / _MB:.1f}"


def _accuracy(row: EngineRow) -> str:
    return "" if row.accuracy is None else f"{row.accuracy.correct / row.accuracy.photos:.1%}"


def _end_to_end(row: EngineRow) -> str:
    total = row.stages and row.stages.total
    return f"{total.p50_ms:.1f}" if total else ""


def _cold_start(row: EngineRow) -> str:
    return f"{row.cold_start.p50_s:.2f}" if row.cold_start else ""


def _peak_mb(row: EngineRow) -> str:
    return f"{row.memory.peak_rss_mb:.0f}" if row.memory and row.memory.peak_rss_mb is not None else ""


def _gpu_mb(row: EngineRow) -> str:
    return f"{row.memory.gpu_mb:.0f}" if row.memory and row.memory.gpu_mb is not None else ""


def _pace(row: EngineRow) -> str:
    pace = row.sustained
    return f"{_rate(pace.first_minute_photos_per_s)} > {_rate(pace.sustained_photos_per_s)}" if pace else ""


def _rate(photos_per_s: float) -> str:
    return f"{photos_per_s:.0f}" if photos_per_s >= _WHOLE else f"{photos_per_s:.1f}"


def _joules(row: EngineRow) -> str:
    return f"{row.energy.joules_per_photo:.2g}" if row.energy else ""


def _without_transfers(row: EngineRow) -> str:
    return f"{row.transfers.without_ms:.2f}" if row.transfers else ""


_COLUMNS: Final[tuple[tuple[str, Callable[[EngineRow], str]], ...]] = (
    ("file MB", _file_mb),
    ("accuracy", _accuracy),
    ("end to end ms", _end_to_end),
    ("start s", _cold_start),
    ("peak MB", _peak_mb),
    ("GPU MB", _gpu_mb),
    ("photos/s, later", _pace),
    ("J/photo", _joules),
    ("on GPU ms", _without_transfers),
)
