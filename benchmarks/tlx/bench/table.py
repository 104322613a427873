"""A bench for people: tables of at most 100 columns, and remarks on them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from tlx.bench.document import BenchDocument
from tlx.bench.further import further_table
from tlx.bench.row_parts import AnswersBeside, Interval
from tlx.bench.rows import EngineRow
from tlx.runtime.timing.statistics import needed_samples

MAX_COLUMNS: Final = 100
NOTHING: Final = "n/a"
_SHORTEST_NAME: Final = 12
_GAP: Final = 2
_WRONG: Final = "WRONG"
_DIFFERS: Final = "!"
ANOTHER_NETWORK: Final = "another network"


def format_bench(document: BenchDocument) -> list[str]:
    """Latencies, what else was measured, and what a reader must know about it, line by line."""
    further = further_table(document)
    lines = [*format_table(document), *format_remarks(document)]
    return [*lines, "", *fit(further)] if further else lines


def format_table(document: BenchDocument) -> list[str]:
    """A line for each engine, below a line of headings; in groups where batches or threads differ."""
    batches = {row.batch for row in document.engines}
    rate = batches != {1}
    heads = ("engine", "p50 ms [95 %]", "p90", "p99", *(("photos/s",) if rate else ()), "x faster [95 %]", "labels")
    groups = [(key, list(rows)) for key, rows in groupby(document.engines, lambda row: (row.batch, row.threads))]
    lines = fit([heads, *(_cells(row, rate=rate) for _, rows in groups for row in rows)])
    if len(groups) == 1:
        return lines
    heading, rest = lines[0], lines[1:]
    grouped = [heading]
    for (batch, threads), rows in groups:
        grouped += [_group_name(batch, threads), *rest[: len(rows)]]
        rest = rest[len(rows) :]
    return grouped


def _group_name(batch: int, threads: int | None) -> str:
    photos = "1 photo" if batch == 1 else f"{batch} photos"
    return f"-- {photos} a call" + ("" if threads is None else f", {threads} thread{'s' * (threads > 1)}")


def _cells(row: EngineRow, *, rate: bool) -> tuple[str, ...]:
    if row.status == "failed":
        return (row.name, "failed", *[""] * (4 + rate))
    return (
        row.name,
        estimate(row.p50_ms, row.p50_ci95_ms),
        number(row.p90_ms),
        number(row.p99_ms),
        *((number(row.throughput_photos_per_s),) if rate else ()),
        estimate(row.ratio_to_baseline, row.ratio_ci95),
        _labels(row),
    )


def _labels(row: EngineRow) -> str:
    if row.agreement is None:
        return ""
    if row.is_another_network:
        return ANOTHER_NETWORK
    mark = f" {_WRONG}" if row.is_wrong else "" if row.agreement.agrees else f" {_DIFFERS}"
    return f"{row.agreement.labels_equal}/{row.agreement.photos}{mark}"


def format_remarks(document: BenchDocument) -> list[str]:
    """What a reader must know about the table: the baseline, what is wrong, what is missing and why."""
    measured = [row for row in document.engines if row.status != "failed"]
    remarks = [*_about_engines(document, measured), *_about_rounds(document, measured)]
    if document.interference is not None:
        remarks += [f"caution: {warning}" for warning in document.interference.warnings]
    # What holds of an engine in several rows is said once.
    remarks = list(dict.fromkeys(remarks))
    return [line for remark in remarks for line in textwrap.wrap(remark, MAX_COLUMNS, subsequent_indent="  ")]


def _about_engines(document: BenchDocument, measured: Sequence[EngineRow]) -> list[str]:
    remarks = []
    for row in measured:
        if row.is_another_network:
            remarks.append(f"{row.name} is {ANOTHER_NETWORK} than {document.baseline}: its accuracy judges it")
        elif row.agreement is not None and not row.agreement.agrees:
            verdict = f"{_WRONG}:" if row.is_wrong else _DIFFERS
            remarks.append(f"{verdict} {describe_difference(row, document)}")
        if row.parked is not None and not row.parked.idle:
            remarks.append(
                f"{row.name} kept {row.parked.cpu_ms / row.parked.wall_ms:.0%} of a processor busy while it waited: "
                "the other engines' times are too long"
            )
    return remarks


def _about_rounds(document: BenchDocument, measured: Sequence[EngineRow]) -> list[str]:
    method, remarks = document.method, []
    if len(measured) > 1:
        remarks.append(f"x faster: than {document.baseline}, judged over {method.rounds} interleaved rounds")
    asked = method.rounds_asked
    if method.ended == "seconds" and asked is not None and measured and method.max_seconds is not None:
        fitted = f"{method.rounds} of {asked} rounds fitted into {method.max_seconds:g} s (--max-seconds)"
        remarks.append(f"{fitted}, with loading and warming up")
    batches = {row.batch for row in measured}
    if len(batches) == 1 and batches != {1}:
        remarks.append(f"times are for a batch of {batches.pop()} photos")
    if needed := calls_needed(measured):
        remarks.append(f"{NOTHING}: {needed}")
    if len(measured) > 1 and method.rounds < needed_samples(0.5):
        remarks.append(f"x faster has no interval: it needs {needed_samples(0.5)} rounds")
    return remarks


def calls_needed(rows: Sequence[EngineRow]) -> str:
    """How many calls each percentile takes that a row can't carry: enough for all rows; empty if they carry all.

    The median is shown in any case: it's its interval that takes them.
    """
    needed: dict[str, int] = {}
    for row in rows:
        for percentile, calls in row.samples_needed.items():
            name = "p50's interval" if percentile == "p50" else percentile
            needed[name] = max(calls, needed.get(name, 0))
    return ", ".join(f"{name} needs {calls:,} calls" for name, calls in needed.items())


def describe_difference(row: EngineRow, document: BenchDocument) -> str:
    """How an engine's answers differ from those of the row that they are compared with."""
    assert row.agreement is not None
    other = row.agreement.beside or document.baseline
    return f"{row.name} gives other answers than {other}: {describe_answers(row.agreement)}"


def describe_answers(agreement: AnswersBeside) -> str:
    """In which way an engine is wrong."""
    labels = f"{agreement.photos - agreement.labels_equal} of {agreement.photos} labels differ"
    if agreement.labels_lost or agreement.labels_gained:
        labels += f" ({agreement.labels_lost} right ones lost, {agreement.labels_gained} gained)"
    difference = agreement.max_abs_difference
    return f"{labels}, probabilities by up to {'nan' if difference is None else f'{difference:.0e}'}"


def fit(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns: the first to the left and shortened where the line would be too long, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = MAX_COLUMNS - sum(widths[1:]) - _GAP * (len(widths) - 1)
    widths[0] = min(widths[0], max(left, _SHORTEST_NAME))
    return [
        (" " * _GAP)
        .join(
            [
                _shortened(row[0], widths[0]).ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        .rstrip()
        for row in rows
    ]


def _shortened(name: str, longest: int) -> str:
    """Long names lose their middle, which tells the least."""
    if len(name) <= longest:
        return name
    tail = longest // 2 - 1
    return f"{name[: longest - tail - 1]}…{name[-tail:]}"


def estimate(value: float | None, interval: Interval | None) -> str:
    """A figure with its interval behind it."""
    if value is None:
        return NOTHING
    if interval is None or interval[0] == interval[1]:
        return number(value)
    return f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"


def number(value: float | None) -> str:
    """Three digits that count, at most three decimals, never an exponent."""
    if value is None:
        return NOTHING
    whole_digits = math.floor(math.log10(value)) if value >= 1 else -1
    return f"{value:.{max(0, 2 - whole_digits)}f}"
