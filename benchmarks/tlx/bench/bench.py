"""``tlx bench`` without its command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlx.bench.prepare import BenchOptions, prepare
from tlx.bench.report import build_document, describe_machine
from tlx.bench.results import evaluate
from tlx.bench.sampling import measure
from tlx.bench.table import format_remarks, format_table
from tlx.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A finished bench.

    Attributes:
        document: For programs; see :func:`tlx.bench.report.build_document`.
        table: For people, line by line.
        notes: What couldn't be measured and why, line by line.
        failures: One line for each engine that failed.
    """

    document: dict[str, Any]
    table: tuple[str, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]


def run_bench(options: BenchOptions, *, command: str, progress: Progress = silent) -> BenchReport:
    """Measure every engine on the same photos.

    Args:
        options: What to measure.
        command: What reproduces it; goes into the document.
        progress: Hears how far it is.

    Raises:
        TlxError: If something that the user named can't be used; an engine that fails while it is measured
            raises nothing and is listed in :attr:`BenchReport.failures`.
    """
    prepared = prepare(options)
    environment = describe_machine(prepared.plan)
    measurement = measure(prepared.plan, progress)
    results = evaluate(measurement.engines, prepared.plan.workload, measurement.confidence)
    document = build_document(prepared, measurement, results, environment=environment, command=command)
    remarks = format_remarks(results, measurement, prepared.plan)
    return BenchReport(
        document=document,
        table=(*format_table(results), *remarks),
        notes=tuple(document["notes"]),
        failures=tuple(result.error for result in results if result.error),
    )
