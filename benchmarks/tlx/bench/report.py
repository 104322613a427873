"""From a bench's results to its document."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, overload

from tlx.bench.commands import row_command
from tlx.bench.document import SCHEMA, BenchDocument, Environment, Interference, Method, Photos
from tlx.bench.measures.extras import Extras, all_notes
from tlx.bench.plan import FEWEST_CALLS, WARM_UP_PER_TURN, EngineSpec
from tlx.bench.prepare import Prepared
from tlx.bench.results import EngineResult, baseline_name
from tlx.bench.row_parts import Accuracy, AnswersBeside, Interval, Parked, WarmUp
from tlx.bench.rows import EngineRow
from tlx.bench.sampling import Measurement
from tlx.bench.statistics import PERCENTILES, Summary
from tlx.errors import ModelFileError
from tlx.runtime.model_registry import resolve_model
from tlx.runtime.timing.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a bench has found.

    Attributes:
        measurement: How it went.
        results: The figures, from :func:`tlx.bench.results.evaluate`.
        extras: What else was measured, by :attr:`~tlx.bench.results.EngineResult.row`.
        notes: Why something of it is missing, one line each.
    """

    measurement: Measurement
    results: Sequence[EngineResult]
    extras: Mapping[str, Extras] = field(default_factory=dict)
    notes: Sequence[str] = ()


def build_document(prepared: Prepared, findings: Findings, *, environment: Environment, command: str) -> BenchDocument:
    """Put everything that a bench has found into its published form.

    Args:
        prepared: The plan.
        findings: What came of it.
        environment: From :func:`tlx.bench.environment.describe_machine`.
        command: What reproduces all of it.
    """
    plan, measurement, results = prepared.plan, findings.measurement, findings.results
    told = [f"{engine.name}: {engine.note}" for engine in measurement.engines if engine.note]
    baselines = {result.row: result.spec for result in results}
    fingerprints = {model: _sha256(model) for model in {result.spec.model for result in results}}
    return BenchDocument(
        schema=SCHEMA,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        baseline=baseline_name(results),
        engines=[
            _row(result, prepared, baselines.get(result.baseline or ""), findings.extras.get(result.row)).model_copy(
                update={"model_sha256": fingerprints[result.spec.model]}
            )
            for result in results
        ],
        photos=_photos(prepared),
        method=Method(
            rounds=measurement.rounds,
            rounds_asked=plan.rounds,
            margin=plan.margin,
            ended=measurement.ended,
            max_seconds=plan.max_seconds if math.isfinite(plan.max_seconds) else None,
            seconds=round(measurement.seconds, 2),
            calls_per_turn=FEWEST_CALLS,
            untimed_calls_per_turn=WARM_UP_PER_TURN,
            seed=plan.seed,
        ),
        environment=environment,
        interference=_interference(measurement),
        notes=[*prepared.notes, *measurement.notes, *told, *findings.notes, *all_notes(findings.extras.values())],
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


def _row(result: EngineResult, prepared: Prepared, baseline: EngineSpec | None, extras: Extras | None) -> EngineRow:
    return EngineRow(
        name=result.name,
        status=result.status,
        error=result.error,
        baseline=result.baseline,
        command=row_command(prepared.options, result.spec, baseline),
        model=str(result.spec.model),
        precision=result.spec.precision,
        provider=result.provider or None,
        batch=result.spec.batch,
        threads=result.spec.threads,
        n=len(result.latencies_ms),
        latencies_ms=[_rounded(latency_ms) for latency_ms in result.latencies_ms],
        round_medians_ms=[_rounded(median_ms) for median_ms in result.round_medians_ms],
        throughput_photos_per_s=_rounded(result.throughput_photos_per_s),
        ratio_to_baseline=_rounded(result.ratio.value) if result.ratio else None,
        ratio_ci95=_interval(result.ratio),
        agreement=_answers(result),
        accuracy=Accuracy(**asdict(result.accuracy)) if result.accuracy else None,
        warm_up=WarmUp(**asdict(result.warm_up)) if result.warm_up else None,
        parked=_parked(result),
        **_latency_fields(result.latency_ms),
        **({"model_bytes": result.model_bytes} | (extras.document() if extras else {})),
    )


def _answers(result: EngineResult) -> AnswersBeside | None:
    return AnswersBeside(beside=result.beside, **asdict(result.agreement)) if result.agreement else None


def _interference(measurement: Measurement) -> Interference | None:
    found = measurement.interference
    return None if found is None else Interference.model_validate(found.document())


def _latency_fields(latency: Summary | None) -> dict[str, Any]:
    """Percentiles and spread; nothing for a failed engine."""
    if latency is None:
        return {"p50_ms": None}
    fields: dict[str, Any] = {
        "samples_needed": latency.samples_needed,
        "iqr_ms": _rounded(latency.iqr),
        "min_ms": _rounded(latency.minimum),
        "max_ms": _rounded(latency.maximum),
    }
    for name in PERCENTILES:
        estimate = getattr(latency, name)
        fields[f"{name}_ms"] = estimate and _rounded(estimate.value)
        fields[f"{name}_ci95_ms"] = _interval(estimate)
    return fields


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


@overload
def _rounded(value: float) -> float: ...
@overload
def _rounded(value: None) -> None: ...
def _rounded(value: float | None) -> float | None:
    # A tenth of a microsecond: finer digits are the clock's own noise.
    return None if value is None else round(value, 4)


def _sha256(model: Path) -> str | None:
    """Of a model's file, or of the current one in a models folder."""
    try:
        with resolve_model(model).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ModelFileError):
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
