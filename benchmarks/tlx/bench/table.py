"""The report for people: a table of at most 100 columns, and remarks on it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Final

from tlx.bench.agreement import Agreement
from tlx.bench.plan import Plan
from tlx.bench.results import EngineResult, baseline_name
from tlx.bench.sampling import Measurement
from tlx.runtime.timing.statistics import Estimate, needed_samples

_MAX_COLUMNS: Final = 100
_NAME_COLUMNS: Final = 26
_NOTHING: Final = "n/a"
_DIFFERS: Final = "!"
_HEADINGS: Final = ("engine", "p50 ms [95 %]", "p90 ms", "IQR", "x faster [95 %]", "labels", "|dp|")


def format_table(results: Sequence[EngineResult]) -> list[str]:
    """One line for each engine, below a line of headings."""
    rows = [_HEADINGS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return [_align(row, widths) for row in rows]


def format_remarks(results: Sequence[EngineResult], measurement: Measurement, plan: Plan) -> list[str]:
    """What a reader must know about the table: the baseline, what differs, what is missing and why."""
    baseline = baseline_name(results)
    measured = [result for result in results if result.error is None]
    remarks = []
    if len(measured) > 1:
        remarks.append(f"x faster: than {baseline}, judged over {measurement.rounds} interleaved rounds")
    if measurement.ended == "seconds" and measured:
        remarks.append(
            f"{measurement.rounds} of {plan.rounds} rounds fitted into {plan.max_seconds:g} s (--max-seconds)"
        )
    batches = {engine.batch for engine in plan.engines}
    if len(batches) == 1 and max(batches) > 1:
        remarks.append(f"times are for a batch of {max(batches)} photos")
    if any(result.latency_ms and result.latency_ms.p90 is None for result in measured):
        remarks.append(f"{_NOTHING}: p90 needs {needed_samples(0.9)} calls")
    if len(measured) > 1 and measurement.rounds < needed_samples(0.5):
        remarks.append(f"x faster has no interval: it needs {needed_samples(0.5)} rounds")
    for result in measured:
        if result.agreement and not result.agreement.agrees:
            verdict = "is wrong" if result.agreement.wrong else "gives other answers"
            remarks.append(f"{_DIFFERS} {result.row} {verdict}: {_describe(result.agreement)} from {result.baseline}")
        if result.parking and not result.parking.is_idle:
            remarks.append(
                f"{result.row} kept {result.parking.share:.0%} of a processor busy while it waited: "
                "the other engines' times are too long"
            )
    if measurement.interference:
        remarks += measurement.interference.warnings
    return [line for remark in remarks for line in textwrap.wrap(remark, _MAX_COLUMNS, subsequent_indent="  ")]


def _describe(agreement: Agreement) -> str:
    labels = f"{agreement.photos - agreement.labels_equal} of {agreement.photos} labels differ"
    return f"{labels}, probabilities by up to {_difference(agreement)}"


def _row(result: EngineResult) -> tuple[str, ...]:
    name = _shortened(result.row)
    latency, agreement = result.latency_ms, result.agreement
    if latency is None or agreement is None:
        return (name, "failed", *[""] * (len(_HEADINGS) - 2))
    mark = "" if agreement.agrees else f" {_DIFFERS}"
    return (
        name,
        _estimate(latency.p50),
        _number(latency.p90.value) if latency.p90 else _NOTHING,
        _number(latency.iqr),
        _estimate(result.ratio),
        f"{agreement.labels_equal}/{agreement.photos}{mark}",
        _difference(agreement),
    )


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(cells).rstrip()


def _shortened(name: str) -> str:
    """Long names lose their middle, which tells the least."""
    if len(name) <= _NAME_COLUMNS:
        return name
    tail = _NAME_COLUMNS // 2 - 1
    return f"{name[: _NAME_COLUMNS - tail - 1]}…{name[-tail:]}"


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return _NOTHING
    if estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return _number(estimate.value)
    return f"{_number(estimate.value)} [{_number(estimate.low)}, {_number(estimate.high)}]"


def _difference(agreement: Agreement) -> str:
    difference = agreement.max_abs_difference
    if difference is None:
        return "nan"
    return f"{difference:.0e}" if difference else "0"


def _number(value: float) -> str:
    """Three digits that count, at most three decimals, never an exponent."""
    whole_digits = math.floor(math.log10(value)) if value >= 1 else -1
    return f"{value:.{max(0, 2 - whole_digits)}f}"
