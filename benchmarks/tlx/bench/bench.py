"""``tlx bench`` without its command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlx.bench.document import BenchDocument
from tlx.bench.environment import describe_machine
from tlx.bench.measures.measure import measure_extras
from tlx.bench.prepare import BenchOptions, prepare
from tlx.bench.report import Findings, build_document
from tlx.bench.results import evaluate
from tlx.bench.sampling import measure
from tlx.bench.table import format_bench
from tlx.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A finished bench.

    Attributes:
        bench: Everything that was found; every other report is made of it.
        table: For people, line by line.
        notes: What couldn't be measured and why, line by line.
        failures: One line for each engine that failed.
    """

    bench: BenchDocument
    table: tuple[str, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def document(self) -> dict[str, Any]:
        """For programs: plain JSON values, as ``docs/bench.schema.json`` describes them."""
        return self.bench.document()


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
    environment = describe_machine(prepared.plan, prepared.keras_versions)
    measurement = measure(prepared.plan, progress)
    results = evaluate(measurement.engines, prepared.plan.workload, measurement.confidence)
    findings = Findings(measurement, results, measure_extras(prepared.plan, measurement.engines, progress))
    document = build_document(prepared, findings, environment=environment, command=command)
    return BenchReport(
        bench=document,
        table=tuple(format_bench(document)),
        notes=tuple(document.notes),
        failures=tuple(row.error for row in document.engines if row.error),
    )
