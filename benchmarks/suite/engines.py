"""From the engines of a bench, or of the peers, to lines of their table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from suite.figure import Result
from tlx.bench.row_names import row_name

NOTHING: Final = "-"
ENGINE_HEADINGS: Final = ("engine", "p50 ms (95 %)", "p90 ms", "x faster (95 %)", "same labels", "largest Δp", "note")
MORE_HEADINGS: Final = (
    "engine",
    "model file MB",
    "photos/s",
    "from bytes to labels, ms (95 %)",
    "start to first label, s",
    "memory MB",
)


def engine_lines(result: Result) -> list[tuple[str, ...]]:
    """The engines of a bench, the fastest first; wrong ones behind them, however fast, and failed ones last."""
    rows: Sequence[Result] = result.get("engines", [])
    timed = [row for row in rows if row.get("p50_ms") is not None]
    lines = [_engine_cells(row) for row in sorted(timed, key=lambda row: (_is_wrong(row), float(row["p50_ms"])))]
    failed = [row for row in rows if row.get("error")]
    lines += [(row["name"], "failed", "", "", "", "", str(row["error"])) for row in failed]
    return lines + [(one["peer"], "not there", "", "", "", "", str(one["error"])) for one in result.get("missing", [])]


def more_lines(result: Result) -> list[tuple[str, ...]]:
    """What was measured of each engine beside the latency, in the bench's own order; none if nothing was."""
    rows: Sequence[Result] = result.get("engines", [])
    return [_more_cells(row) for row in rows if any(row.get(part) for part in ("stages", "cold_start", "memory"))]


def judged_by_older(result: Result) -> bool:
    """Whether rows of several networks don't tell whether theirs is the baseline's."""
    judged = [row["agreement"] for row in result.get("engines", []) if row.get("agreement")]
    return result.get("benchmark") == "compression" and not any("same_network" in one for one in judged)


def warnings(result: Result) -> list[str]:
    """What makes the figures of a bench doubtful, as it says itself."""
    return [str(warning) for warning in (result.get("interference") or {}).get("warnings", [])]


def _is_wrong(row: Result) -> bool:
    return bool(row.get("status") == "wrong")


def _full_name(row: Result) -> str:
    batch = row.get("batch", 1)
    return row_name(row["name"], batch=batch if batch != 1 else None, threads=row.get("threads"))


def _more_cells(row: Result) -> tuple[str, ...]:
    size, rate, start = (row.get(key) for key in ("model_bytes", "throughput_photos_per_s", "cold_start"))
    total, peak_mb = (row.get("stages") or {}).get("total"), (row.get("memory") or {}).get("peak_rss_mb")
    return (
        f"{_full_name(row)}{' **WRONG**' if _is_wrong(row) else ''}",
        f"{size / 1e6:.1f}" if size else NOTHING,
        f"{rate:.3g}" if rate else NOTHING,
        _with_ends(total["p50_ms"], total.get("ci95_ms")) if total else NOTHING,
        f"{start['p50_s']:.2f}" if start else NOTHING,
        NOTHING if peak_mb is None else f"{peak_mb:.0f}",
    )


def _engine_cells(row: Result) -> tuple[str, ...]:
    agreement = row.get("agreement") or {}
    labels = f"{agreement['labels_equal']}/{agreement['photos']}" if agreement else NOTHING
    difference = agreement.get("max_abs_difference")
    return (
        _full_name(row),
        _with_ends(row["p50_ms"], row.get("p50_ci95_ms")),
        f"{row['p90_ms']:.3g}" if row.get("p90_ms") is not None else NOTHING,
        NOTHING if _is_wrong(row) else _with_ends(row.get("ratio_to_baseline"), row.get("ratio_ci95")),
        labels + _verdict(row, agreement),
        NOTHING if difference is None else f"{difference:.1e}",
        str(row.get("note") or ""),
    )


def _verdict(row: Result, agreement: Result) -> str:
    if _is_wrong(row):
        return " **WRONG**"
    if not agreement or agreement["agrees"]:
        return ""
    return " **differs**" if agreement.get("same_network", True) else " (another network)"


def _with_ends(value: float | None, ends: Sequence[float] | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.3g} ({ends[0]:.3g} to {ends[1]:.3g})" if ends else f"{value:.3g}"
