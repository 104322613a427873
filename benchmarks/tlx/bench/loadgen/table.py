"""LoadGen's results for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tlx.bench.loadgen.loadgen import ScenarioResult
from tlx.bench.table import number

_HEADINGS: Final = ("scenario", "p50 ms", "p90 ms", "p99 ms", "photos/s", "queries", "LoadGen says", "answers")
_NUMBERS_FROM, _NUMBERS_TO = 1, 6


def format_table(results: Sequence[ScenarioResult]) -> tuple[str, ...]:
    """One line for each scenario, then LoadGen's reasons for what it calls invalid."""
    rows = [_HEADINGS, *(_row(one) for one in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(_cell(row, column, widths) for column in range(len(row))).rstrip() for row in rows]
    return (*lines, *(f"{one.scenario}: {reason}" for one in results for reason in one.result.reasons))


def _cell(row: Sequence[str], column: int, widths: Sequence[int]) -> str:
    is_number = _NUMBERS_FROM <= column < _NUMBERS_TO
    return row[column].rjust(widths[column]) if is_number else row[column].ljust(widths[column])


def _row(one: ScenarioResult) -> tuple[str, ...]:
    result = one.result
    # All photos of Offline are one query: it has no percentiles.
    latencies = [
        number(None if one.scenario == "Offline" else result.percentiles_ms[name]) for name in ("p50", "p90", "p99")
    ]
    agreement = one.agreement
    return (
        one.scenario,
        *latencies,
        number(result.samples_per_s),
        str(result.queries),
        "VALID" if result.valid else "INVALID",
        f"{agreement.labels_equal}/{agreement.photos}" + ("" if agreement.agrees else " !"),
    )
