"""From a contender's turns to a row of the result, with the names of ``tlx bench``'s JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from peers.rounds import Contender
from tlx.bench.agreement import coarser, compare
from tlx.bench.statistics import paired_ratio, summarize
from tlx.runtime.timing.statistics import Estimate

IDLE_SHARE: Final = 0.01
WAKE_UP_MS: Final = 1.0


def row_of(
    contender: Contender,
    baseline: Contender | None,
    *,
    threshold: float,
    is_same_network: bool,
) -> dict[str, Any]:
    """Plain JSON values; what wasn't measured is null.

    Args:
        contender: Measured, or failed.
        baseline: The first that didn't fail; None if all did.
        threshold: From which probability of it the second of two labels is given.
        is_same_network: Whether its answers can be compared at all.
    """
    setup = contender.setup
    row: dict[str, Any] = {
        "name": contender.name,
        "peer": contender.peer,
        "status": "failed" if contender.error else "ok",
        "error": contender.error,
        "note": contender.note,
        "model": Path(setup.model).name,
        "precision": contender.precision,
        "batch": setup.batch,
        "threads": setup.threads,
    }
    if contender.error or baseline is None:
        return row
    latency_ms = summarize([[one_ns / 1e6 for one_ns in turn.latencies_ns] for turn in contender.turns])
    ratio = paired_ratio(baseline.medians_ms, contender.medians_ms)
    row |= {
        "n": latency_ms.count,
        **_percentile("p50", latency_ms.p50),
        **_percentile("p90", latency_ms.p90),
        "samples_needed": {name: calls for name, calls in latency_ms.samples_needed.items() if name in {"p50", "p90"}},
        "ratio_to_baseline": round(ratio.value, 4),
        "ratio_ci95": _ends(ratio),
        "round_medians_ms": [round(median_ms, 4) for median_ms in contender.medians_ms],
        "parked": _parked(contender),
        "agreement": None,
    }
    if is_same_network and contender.probabilities is not None and baseline.probabilities is not None:
        row |= _answers(contender, baseline, threshold)
    return row


def first_measured(contenders: Iterable[Contender]) -> Contender | None:
    """The first that didn't fail, which the others are compared with."""
    return next((one for one in contenders if one.turns and one.error is None), None)


def _answers(contender: Contender, baseline: Contender, threshold: float) -> dict[str, Any]:
    """Its answers beside the baseline's, and whether they make it wrong."""
    assert contender.probabilities is not None
    assert baseline.probabilities is not None
    answers = (baseline.probabilities, contender.probabilities)
    precision = coarser(contender.precision, baseline.precision)
    agreement = compare(*answers, precision=precision, thresholds=(threshold, threshold))
    # Others' fp32 is often Winograd's, which rounds more than ours: wrong is what no rounding explains.
    any_rounding = precision if precision == "int8" else "bf16"
    wrong = compare(*answers, precision=any_rounding, thresholds=(threshold, threshold)).wrong
    fields = ("photos", "labels_equal", "max_abs_difference", "tolerance", "agrees")
    found = {name: getattr(agreement, name) for name in fields} | {"wrong": wrong}
    return {"agreement": found, "status": "wrong" if wrong else "ok"}


def _percentile(name: str, estimate: Estimate | None) -> dict[str, Any]:
    return {f"{name}_ms": estimate and round(estimate.value, 4), f"{name}_ci95_ms": estimate and _ends(estimate)}


def _ends(estimate: Estimate) -> list[float] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return [round(estimate.low, 4), round(estimate.high, 4)]


def _parked(contender: Contender) -> dict[str, Any]:
    cpu_ms = sum(turn.parked_cpu_ns for turn in contender.turns) / 1e6
    wall_ms = sum(turn.parked_wall_ns for turn in contender.turns) / 1e6
    idle = cpu_ms < IDLE_SHARE * wall_ms or cpu_ms < WAKE_UP_MS * len(contender.turns)
    return {"cpu_ms": round(cpu_ms, 2), "wall_ms": round(wall_ms, 2), "idle": idle}
