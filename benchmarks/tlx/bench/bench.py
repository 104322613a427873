"""``tlx bench`` without its command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tlx.bench.document import BenchDocument
from tlx.bench.environment import describe_machine
from tlx.bench.measures.measure import measure_extras
from tlx.bench.prepare import BenchOptions, prepare
from tlx.bench.report import Findings, build_document
from tlx.bench.results import evaluate
from tlx.bench.sampling import measure
from tlx.bench.table import describe_difference, format_bench
from tlx.errors import TlxError
from tlx.progress import Progress, silent

_NOT_MEASURED: Final = "nothing was measured beside the latency"


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A finished bench.

    Attributes:
        bench: Everything that was found; every other report is made of it.
        table: For people, line by line.
        notes: What couldn't be measured and why, line by line.
        failures: One line for each engine that failed.
        wrong: One line for each row that computes something else than its network.
        interrupted: Ctrl-C came after the latencies were measured: they are all here, what comes after them isn't.
    """

    bench: BenchDocument
    table: tuple[str, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """For programs: plain JSON values, as ``docs/bench.schema.json`` describes them."""
        return self.bench.document()


def run_bench(options: BenchOptions, *, command: str, progress: Progress = silent) -> BenchReport:
    """Measure every engine on the same photos.

    What goes wrong after the latencies are measured, Ctrl-C included, takes away only what would have come then.

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
    interrupted = False
    try:
        findings = Findings(measurement, results, measure_extras(prepared.plan, measurement.engines, progress))
    except KeyboardInterrupt:
        interrupted, findings = True, Findings(measurement, results, notes=(f"{_NOT_MEASURED}: interrupted",))
    except (OSError, TlxError) as error:
        findings = Findings(measurement, results, notes=(f"{_NOT_MEASURED}: {error}",))
    document = build_document(prepared, findings, environment=environment, command=command)
    return BenchReport(
        bench=document,
        table=tuple(format_bench(document)),
        notes=tuple(document.notes),
        failures=tuple(row.error for row in document.engines if row.error),
        wrong=tuple(dict.fromkeys(describe_difference(row, document) for row in document.engines if row.is_wrong)),
        interrupted=interrupted,
    )
