"""A comparison for people and for programs."""

from __future__ import annotations

import textwrap
from typing import Any, Final

from tlx.bench.comparing.compare import Comparison, RowComparison, Verdict, describe_key
from tlx.bench.table import MAX_COLUMNS, NOTHING, fit, number
from tlx.runtime.timing.statistics import CONFIDENCE, needed_samples

SCHEMA: Final = 1


def format_comparison(comparison: Comparison) -> list[str]:
    """A table of at most 100 columns, and what it comes to."""
    conditions = {row.key[1:] for row in comparison.rows}
    many = len(conditions) > 1
    heads = ("engine", *(("batch", "threads") if many else ()), "before ms", "after ms", "change [interval]", "verdict")
    lines = fit([heads, *(_cells(row, many=many) for row in comparison.rows)])
    remarks = [_confidence(comparison), *_summary(comparison)]
    for words, names in (("first", comparison.only_before), ("second", comparison.only_after)):
        if names:
            remarks.append(f"only in the {words} bench: {', '.join(names)}")
    return [*lines, *(line for text in remarks for line in textwrap.wrap(text, MAX_COLUMNS, subsequent_indent="  "))]


def _cells(row: RowComparison, *, many: bool) -> tuple[str, ...]:
    verdict = row.verdict.value + (" (regression)" if row.is_regression else "")
    conditions = (str(row.before.batch), str(row.before.threads or NOTHING)) if many else ()
    after_ms = row.after.p50_ms if row.after else None
    return (row.name, *conditions, number(row.before.p50_ms), number(after_ms), _change(row), verdict)


def _change(row: RowComparison) -> str:
    if row.ratio is None:
        return NOTHING
    if row.ratio.low is None or row.ratio.high is None:
        return _percent(row.ratio.value)
    return f"{_percent(row.ratio.value)} [{_percent(row.ratio.low)}, {_percent(row.ratio.high)}]"


def _percent(ratio: float) -> str:
    return f"{ratio - 1:+.1%}".replace("%", " %")


def _confidence(comparison: Comparison) -> str:
    words = "change: of the time of a call, over the rounds' medians"
    if comparison.relative:
        words += ", in units of the baseline's time"
    count = sum(row.verdict is not Verdict.MISSING for row in comparison.rows)
    return f"{words}; {CONFIDENCE:.0%} confidence" + (f" for all {count} rows together" if count > 1 else "")


def _summary(comparison: Comparison) -> list[str]:
    tolerance = f"{comparison.tolerance:.3g}" if comparison.tolerance == 0 else f"{comparison.tolerance:.1%}"
    tolerance = tolerance.replace(".0%", "%").replace("%", " %")
    remarks = []
    if any(row.verdict is Verdict.UNKNOWN and row.ratio for row in comparison.rows):
        needed = needed_samples(0.5, comparison.row_confidence)
        remarks.append(f"unknown: too few rounds, it takes {needed} in each bench")
    worse = [describe_key(row.key) for row in comparison.rows if row.is_regression]
    if worse:
        kinds = f"slower by more than {tolerance}, or wrong, or failed, or missing"
        remarks.append(f"regression ({kinds}): {', '.join(worse)}")
    else:
        remarks.append(f"no regression by more than {tolerance} is shown")
    if any(row.verdict is Verdict.MISSING and row.is_regression for row in comparison.rows):
        remarks.append("missing: right in the first bench, no row in the second; --allow-missing lets it pass")
    unsure = [describe_key(row.key) for row in comparison.rows if row.may_be_regression]
    if unsure:
        remarks.append(f"not ruled out, more rounds would tell: {', '.join(unsure)}")
    return remarks


def describe_comparison(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values; changes are shares: 0.08 is 8 % slower."""
    return {
        "schema": SCHEMA,
        "regression": comparison.is_regression,
        "regression_not_ruled_out": comparison.may_be_regression,
        "tolerance": comparison.tolerance,
        "confidence": CONFIDENCE,
        "row_confidence": comparison.row_confidence,
        "relative_to_baseline": comparison.relative,
        "rows": [_row(row) for row in comparison.rows],
        "only_before": list(comparison.only_before),
        "only_after": list(comparison.only_after),
        "notes": list(comparison.notes),
    }


def _row(row: RowComparison) -> dict[str, Any]:
    ratio = row.ratio
    interval = None
    if ratio is not None and ratio.low is not None and ratio.high is not None:
        interval = [round(ratio.low - 1, 5), round(ratio.high - 1, 5)]
    before, after = row.before, row.after
    return {
        "name": before.name,
        "batch": before.batch,
        "threads": before.threads,
        "before_p50_ms": before.p50_ms,
        "after_p50_ms": after and after.p50_ms,
        "before_rounds": len(before.round_medians_ms),
        "after_rounds": len(after.round_medians_ms) if after else 0,
        "change": ratio and round(ratio.value - 1, 5),
        "change_interval": interval,
        "verdict": row.verdict.value,
        "regression": row.is_regression,
        "regression_not_ruled_out": row.may_be_regression,
    }
