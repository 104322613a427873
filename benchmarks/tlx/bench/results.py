"""From samples to figures: what each engine's turns say, beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tlx.bench.agreement import Agreement, compare
from tlx.bench.plan import EngineSpec
from tlx.bench.sampling import EngineRecord
from tlx.runtime.timing.protocol import Samples
from tlx.runtime.timing.statistics import Estimate, Summary, paired_ratio, summarize

IDLE_SHARE: Final = 0.01
WAKE_UP_MS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Parking:
    """What an engine did while it waited for its turns.

    Attributes:
        cpu_ms: Processor time of all its threads.
        wall_ms: How long it waited.
        turns: How often.
        spin_ms: How long its threads went on running after a turn (the median), before the next engine began.
    """

    cpu_ms: float
    wall_ms: float
    turns: int
    spin_ms: float

    @property
    def share(self) -> float:
        """Processor time in wall time, 0 to the number of processors."""
        return self.cpu_ms / self.wall_ms if self.wall_ms else 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it left the processors to the others, apart from waking up for its turn."""
        return self.share < IDLE_SHARE or self.cpu_ms < WAKE_UP_MS * self.turns


@dataclass(frozen=True, slots=True)
class EngineResult:
    """One row of the report.

    Attributes:
        provider: Where it ran: ``cpu``, ``cuda``, ...; empty if it never loaded.
        error: One line, if it failed; then there are no figures.
        latency_ms: Of one call, which takes a batch.
        ratio: The baseline's time divided by this engine's (2.0: twice as fast); None for a failed engine.
        agreement: With the baseline's predictions.
    """

    spec: EngineSpec
    name: str
    provider: str
    error: str | None
    latency_ms: Summary | None = None
    ratio: Estimate | None = None
    agreement: Agreement | None = None
    parking: Parking | None = None


def evaluate(records: Sequence[EngineRecord]) -> tuple[EngineResult, ...]:
    """Work out every engine's figures; the baseline is the first engine that didn't fail."""
    baseline = next((record for record in records if record.error is None), None)
    return tuple(
        EngineResult(record.spec, record.name, record.provider, record.error)
        if baseline is None or record.error is not None
        else _evaluate(record, baseline)
        for record in records
    )


def baseline_name(results: Sequence[EngineResult]) -> str | None:
    """The engine that the others are compared with; None if all failed."""
    return next((result.name for result in results if result.error is None), None)


def _evaluate(record: EngineRecord, baseline: EngineRecord) -> EngineResult:
    assert record.probabilities is not None
    assert baseline.probabilities is not None
    latencies_ms = [latency_ns / 1e6 for turn in record.turns for latency_ns in turn.latencies_ns]
    return EngineResult(
        spec=record.spec,
        name=record.name,
        provider=record.provider,
        error=None,
        latency_ms=summarize(latencies_ms),
        ratio=paired_ratio(_round_medians(baseline.turns), _round_medians(record.turns)),
        agreement=compare(
            baseline.probabilities,
            record.probabilities,
            precision=record.spec.precision,
            thresholds=(baseline.spec.threshold, record.spec.threshold),
        ),
        parking=Parking(
            cpu_ms=sum(turn.parked_cpu_ns for turn in record.turns) / 1e6,
            wall_ms=sum(turn.parked_wall_ns for turn in record.turns) / 1e6,
            turns=len(record.turns),
            spin_ms=float(np.median([turn.idle_after_ns for turn in record.turns])) / 1e6,
        ),
    )


def _round_medians(turns: Sequence[Samples]) -> list[float]:
    return [float(np.median(turn.latencies_ns)) for turn in turns]
