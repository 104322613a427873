"""The report of a bench: one JSON document for programs, one table for people."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tlx.bench.plan import CALLS_PER_TURN, WARM_UP_PER_TURN, Plan
from tlx.bench.prepare import Prepared
from tlx.bench.results import EngineResult, baseline_name
from tlx.bench.sampling import Measurement
from tlx.runtime.environment import describe
from tlx.runtime.processors import affinity
from tlx.runtime.timing.statistics import Estimate

SCHEMA: Final = 1
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def describe_machine(plan: Plan) -> dict[str, Any]:
    """Machine, packages and how the engines use them, as plain JSON values; call it before measuring."""
    keras = any(engine.kind.startswith("keras.") for engine in plan.engines)
    threads = max(engine.threads for engine in plan.engines)
    return {
        **describe(),
        "available_cores": affinity(),
        "governor": _governor(),
        "load_average_before": round(os.getloadavg()[0], 2),
        "device": plan.device,
        "threads": threads,
        "pinned_to_cpus": list(plan.cpus) or None,
        "tensorflow_threads": {"intra_op": threads, "inter_op": 1} if keras else None,
    }


def build_document(
    prepared: Prepared,
    measurement: Measurement,
    results: Sequence[EngineResult],
    *,
    environment: dict[str, Any],
    command: str,
) -> dict[str, Any]:
    """The report as plain JSON values.

    Times are milliseconds of one call, which takes ``batch`` photos. ``ratio_to_baseline`` is the baseline's time
    divided by the engine's: 2.0 is twice as fast. What the sample can't carry is null.

    Args:
        prepared: The plan.
        measurement: How it went.
        results: The figures, from :func:`tlx.bench.results.evaluate`.
        environment: From :func:`describe_machine`.
        command: What reproduces it.
    """
    plan = prepared.plan
    return {
        "schema": SCHEMA,
        "command": command,
        "baseline": baseline_name(results),
        "engines": [_engine(result) for result in results],
        "photos": {
            "count": plan.workload.count,
            "from": prepared.photos_from,
            "synthetic": not plan.workload.photos,
        },
        "method": {
            "rounds": measurement.rounds,
            "rounds_asked": plan.rounds,
            "max_seconds": plan.max_seconds,
            "seconds": round(measurement.seconds, 2),
            "calls_per_turn": CALLS_PER_TURN,
            "untimed_calls_per_turn": WARM_UP_PER_TURN,
            "seed": plan.seed,
        },
        "interference": measurement.interference and measurement.interference.document(),
        "environment": environment,
        "notes": all_notes(prepared, measurement),
    }


def all_notes(prepared: Prepared, measurement: Measurement) -> list[str]:
    """What couldn't be measured as asked, and why; one line each."""
    told = [f"{engine.name}: {engine.note}" for engine in measurement.engines if engine.note]
    return [*prepared.notes, *measurement.notes, *told]


def _engine(result: EngineResult) -> dict[str, Any]:
    latency, parking = result.latency_ms, result.parking
    p50, p90 = (latency.p50, latency.p90) if latency else (None, None)
    return {
        "name": result.name,
        "status": result.status,
        "error": result.error,
        "model": str(result.spec.model),
        "precision": result.spec.precision,
        "provider": result.provider or None,
        "batch": result.spec.batch,
        "threads": result.spec.threads,
        "n": latency.count if latency else 0,
        "p50_ms": p50 and _rounded(p50.value),
        "p50_ci95_ms": _interval(p50),
        "p90_ms": p90 and _rounded(p90.value),
        "p90_ci95_ms": _interval(p90),
        "p95_ms": latency and latency.p95 and _rounded(latency.p95.value),
        "p95_ci95_ms": _interval(latency.p95 if latency else None),
        "p99_ms": latency and latency.p99 and _rounded(latency.p99.value),
        "p99_ci95_ms": _interval(latency.p99 if latency else None),
        "samples_needed": latency.samples_needed if latency else {},
        "iqr_ms": latency and _rounded(latency.iqr),
        "min_ms": latency and _rounded(latency.minimum),
        "max_ms": latency and _rounded(latency.maximum),
        "ratio_to_baseline": result.ratio and _rounded(result.ratio.value),
        "ratio_ci95": _interval(result.ratio),
        "throughput_photos_per_s": result.throughput_photos_per_s and _rounded(result.throughput_photos_per_s),
        "latencies_ms": [_rounded(latency_ms) for latency_ms in result.latencies_ms],
        "round_medians_ms": [_rounded(median_ms) for median_ms in result.round_medians_ms],
        "model_bytes": result.model_bytes,
        "warm_up": result.warm_up and dataclasses.asdict(result.warm_up),
        "accuracy": result.accuracy and dataclasses.asdict(result.accuracy),
        "agreement": result.agreement and dataclasses.asdict(result.agreement),
        "parked": parking
        and {
            "cpu_ms": _rounded(parking.cpu_ms),
            "wall_ms": _rounded(parking.wall_ms),
            "idle": parking.is_idle,
            "spin_ms": _rounded(parking.spin_ms),
        },
    }


def _interval(estimate: Estimate | None) -> list[float] | None:
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    return [_rounded(estimate.low), _rounded(estimate.high)]


def _rounded(value: float) -> float:
    # A tenth of a microsecond: finer digits are the clock's own noise.
    return round(value, 4)


def _governor() -> str | None:
    try:
        return _GOVERNOR.read_text().strip()
    except OSError:
        return None
