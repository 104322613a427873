"""From samples to figures: what each engine's turns say, beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from tlx.bench.accuracy import Accuracy, judge_accuracy
from tlx.bench.agreement import Agreement, beside_another_network, coarser, compare
from tlx.bench.model_size import model_bytes
from tlx.bench.plan import EngineSpec, Workload
from tlx.bench.sampling import EngineRecord
from tlx.bench.statistics import Summary, paired_ratio, summarize
from tlx.bench.warm_up import WarmUp
from tlx.runtime.timing.statistics import CONFIDENCE, Estimate

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
        spec: What was measured; it has the row's batch and threads.
        name: The engine's, as in ``keras.predict``: the same in each of its rows.
        row: The name, and batch and threads where rows differ in them: no two rows have the same.
        provider: Where it ran: ``cpu``, ``cuda``, ...; empty if it never loaded.
        error: One line, if it failed; then there are no figures.
        model_bytes: Size of its model's file; None if it can't be read.
        baseline: The row that it's compared with: the first of its batch and threads that didn't fail; None if all
            did.
        latency_ms: Of one call, which takes a batch.
        latencies_ms: Of all timed calls, in order.
        round_medians_ms: The median call of each round.
        throughput_photos_per_s: Photos in the time of all timed calls.
        ratio: The baseline's time divided by this engine's (2.0: twice as fast); None for a failed engine.
        agreement: With the predictions of the first row of the same network, or else with the baseline's.
        beside: That row.
        accuracy: On the photos, where their labels are known.
        parking: What it did while it waited.
        warm_up: What came before the first timed call.
    """

    spec: EngineSpec
    name: str
    row: str
    provider: str
    error: str | None
    model_bytes: int | None = None
    baseline: str | None = None
    latency_ms: Summary | None = None
    latencies_ms: tuple[float, ...] = ()
    round_medians_ms: tuple[float, ...] = ()
    throughput_photos_per_s: float | None = None
    ratio: Estimate | None = None
    agreement: Agreement | None = None
    beside: str | None = None
    accuracy: Accuracy | None = None
    parking: Parking | None = None
    warm_up: WarmUp | None = None

    @property
    def status(self) -> Literal["ok", "wrong", "failed"]:
        """Whether the figures count: those of an engine that computes something else don't."""
        if self.error is not None:
            return "failed"
        return "wrong" if self.agreement and self.agreement.wrong else "ok"


def evaluate(
    records: Sequence[EngineRecord], workload: Workload, confidence: float = CONFIDENCE
) -> tuple[EngineResult, ...]:
    """Work out every engine's figures.

    Rows are compared within their batch and threads; the baseline is the first engine that didn't fail. Answers are
    compared with those of the first row of the same network.

    Args:
        records: What was measured.
        workload: On which pictures.
        confidence: What intervals are made for, so that they hold 95 %; see :mod:`tlx.bench.stopping`.
    """
    baselines: dict[tuple[int, int], EngineRecord] = {}
    firsts: dict[tuple[tuple[int, int], str], EngineRecord] = {}
    for record in records:
        if record.error is None:
            baselines.setdefault(record.spec.conditions, record)
            firsts.setdefault((record.spec.conditions, record.spec.network), record)

    def answers_beside(record: EngineRecord) -> EngineRecord:
        first = firsts[record.spec.conditions, record.spec.network]
        return baselines[record.spec.conditions] if first is record else first

    return tuple(
        replace(
            _evaluate(record, baselines[record.spec.conditions], workload, confidence),
            agreement=_agreement(record, answers_beside(record), workload),
            beside=answers_beside(record).row,
        )
        if record.error is None
        else EngineResult(
            record.spec,
            record.name,
            record.row,
            record.provider,
            record.error,
            model_bytes=model_bytes(record.spec.model),
        )
        for record in records
    )


def baseline_name(results: Sequence[EngineResult]) -> str | None:
    """The engine that the others are compared with; None if all failed."""
    return next((result.name for result in results if result.error is None), None)


def _evaluate(record: EngineRecord, baseline: EngineRecord, workload: Workload, confidence: float) -> EngineResult:
    assert record.probabilities is not None
    turns_ms = [[latency_ns / 1e6 for latency_ns in turn.latencies_ns] for turn in record.turns]
    latencies_ms = tuple(latency_ms for turn in turns_ms for latency_ms in turn)
    return EngineResult(
        spec=record.spec,
        name=record.name,
        row=record.row,
        provider=record.provider,
        error=None,
        model_bytes=model_bytes(record.spec.model),
        baseline=baseline.row,
        latency_ms=summarize(turns_ms, confidence),
        latencies_ms=latencies_ms,
        round_medians_ms=tuple(record.medians_ms),
        throughput_photos_per_s=record.spec.batch * len(latencies_ms) * 1e3 / sum(latencies_ms),
        ratio=paired_ratio(baseline.medians_ms, record.medians_ms, confidence),
        accuracy=judge_accuracy(record.probabilities, workload.true_classes, record.spec.threshold),
        parking=Parking(
            cpu_ms=sum(turn.parked_cpu_ns for turn in record.turns) / 1e6,
            wall_ms=sum(turn.parked_wall_ns for turn in record.turns) / 1e6,
            turns=len(record.turns),
            spin_ms=float(np.median([turn.idle_after_ns for turn in record.turns])) / 1e6,
        ),
        warm_up=record.warm_up,
    )


def _agreement(record: EngineRecord, other: EngineRecord, workload: Workload) -> Agreement:
    assert record.probabilities is not None
    assert other.probabilities is not None
    found = compare(
        other.probabilities,
        record.probabilities,
        precision=coarser(record.spec.precision, other.spec.precision),
        thresholds=(other.spec.threshold, record.spec.threshold),
        true_classes=workload.true_classes,
    )
    same = record.spec.network == other.spec.network
    return found if same else beside_another_network(found, record.probabilities)
