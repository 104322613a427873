"""From a bench's results to its document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from tlx.bench.commands import row_command
from tlx.bench.document import SCHEMA, BenchDocument, Environment, Method, Photos
from tlx.bench.plan import CALLS_PER_TURN, WARM_UP_PER_TURN
from tlx.bench.prepare import Prepared
from tlx.bench.results import EngineResult, baseline_name
from tlx.bench.rows import AnswersBeside, EngineRow, Interval, Parked
from tlx.bench.sampling import EngineRecord, Measurement
from tlx.runtime.timing.statistics import Estimate, Summary

_PERCENTILES: Final = ("p50", "p90", "p95", "p99")


def build_document(
    prepared: Prepared,
    measurement: Measurement,
    results: Sequence[EngineResult],
    *,
    environment: Environment,
    command: str,
) -> BenchDocument:
    """Put everything that a bench has found into its published form.

    Args:
        prepared: The plan.
        measurement: How it went.
        results: The figures, from :func:`tlx.bench.results.evaluate`.
        environment: From :func:`tlx.bench.environment.describe_machine`.
        command: What reproduces all of it.
    """
    plan = prepared.plan
    pairs = zip(measurement.engines, results, strict=True)
    return BenchDocument(
        schema=SCHEMA,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        baseline=baseline_name(results),
        engines=[_row(record, result, prepared, results) for record, result in pairs],
        photos=_photos(prepared),
        method=Method(
            rounds=measurement.rounds,
            rounds_asked=plan.rounds,
            max_seconds=plan.max_seconds,
            seconds=round(measurement.seconds, 2),
            calls_per_turn=CALLS_PER_TURN,
            untimed_calls_per_turn=WARM_UP_PER_TURN,
            seed=plan.seed,
        ),
        environment=environment,
        notes=[*prepared.notes, *(f"{engine.name}: {engine.note}" for engine in measurement.engines if engine.note)],
    )


def _photos(prepared: Prepared) -> Photos:
    workload = prepared.plan.workload
    fields = {
        "count": workload.count,
        "from": prepared.photos_from,
        "synthetic": not workload.photos,
        "sha256": _fingerprint(workload.photos),
    }
    return Photos.model_validate(fields)


def _row(record: EngineRecord, result: EngineResult, prepared: Prepared, results: Sequence[EngineResult]) -> EngineRow:
    plan = prepared.plan
    baseline = next((other.spec for other in results if other.error is None), None)
    turns = [] if result.error else record.turns
    return EngineRow(
        name=result.name,
        status=_status(result),
        error=result.error,
        command=row_command(prepared.options, plan, result.spec, baseline),
        model=str(result.spec.model),
        model_bytes=_size(result.spec.model),
        precision=result.spec.precision,
        provider=result.provider or None,
        batch=plan.workload.batch,
        threads=plan.placement.threads,
        ratio_to_baseline=_rounded(result.ratio.value) if result.ratio else None,
        ratio_ci95=_interval(result.ratio),
        agreement=_answers(result),
        parked=_parked(result),
        round_medians_ms=[_rounded(float(np.median(turn.latencies_ns)) / 1e6) for turn in turns],
        **_latency_fields(result.latency_ms),
        **_sample_fields(
            [nanoseconds / 1e6 for turn in turns for nanoseconds in turn.latencies_ns], plan.workload.batch
        ),
    )


def _status(result: EngineResult) -> Literal["ok", "wrong", "failed"]:
    if result.error is not None:
        return "failed"
    return "ok" if result.agreement is None or result.agreement.agrees else "wrong"


def _answers(result: EngineResult) -> AnswersBeside | None:
    if result.agreement is None:
        return None
    return AnswersBeside(**asdict(result.agreement), wrong=not result.agreement.agrees)


def _latency_fields(latency: Summary | None) -> dict[str, Any]:
    """Percentiles and spread; nothing for a failed engine."""
    if latency is None:
        return {"p50_ms": None}
    fields: dict[str, Any] = {
        "samples_needed": getattr(latency, "samples_needed", {}),
        "iqr_ms": _rounded(latency.iqr),
        "min_ms": _rounded(latency.minimum),
        "max_ms": _rounded(latency.maximum),
    }
    for name in _PERCENTILES:
        estimate = getattr(latency, name, None)
        fields[f"{name}_ms"] = estimate and _rounded(estimate.value)
        fields[f"{name}_ci95_ms"] = _interval(estimate)
    return fields


def _sample_fields(latencies_ms: Sequence[float], batch: int) -> dict[str, Any]:
    """The calls themselves, and how many photos they got through."""
    if not latencies_ms:
        return {"n": 0}
    rate = batch * len(latencies_ms) / (sum(latencies_ms) / 1e3)
    return {
        "n": len(latencies_ms),
        "latencies_ms": [_rounded(latency_ms) for latency_ms in latencies_ms],
        "throughput_photos_per_s": round(rate, 2),
    }


def _parked(result: EngineResult) -> Parked | None:
    parking = result.parking
    if parking is None:
        return None
    return Parked(
        cpu_ms=_rounded(parking.cpu_ms),
        wall_ms=_rounded(parking.wall_ms),
        idle=parking.is_idle,
        spin_ms=_rounded(parking.spin_ms),
    )


def _interval(estimate: Estimate | None) -> Interval | None:
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return _rounded(estimate.low), _rounded(estimate.high)


def _rounded(value: float) -> float:
    # A tenth of a microsecond: finer digits are the clock's own noise.
    return round(value, 4)


def _size(model: Path) -> int | None:
    """In bytes; None for a file that isn't there, whose engine has failed."""
    try:
        return model.stat().st_size
    except OSError:
        return None


def _fingerprint(photos: Sequence[Path]) -> str | None:
    """SHA-256 over the photos' own SHA-256, in order; None without photos, or if one is gone meanwhile."""
    if not photos:
        return None
    together = hashlib.sha256()
    try:
        for photo in photos:
            together.update(hashlib.sha256(photo.read_bytes()).digest())
    except OSError:
        return None
    return together.hexdigest()
