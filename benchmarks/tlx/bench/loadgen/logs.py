"""What LoadGen's own logs say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx.bench.loadgen.messages import ACCURACY_LOG, DETAIL_LOG
from tlx.errors import EngineError

_LINE: Final = ":::MLLOG "
_PERCENTILES: Final = (50, 90, 95, 97, 99)


@dataclass(frozen=True, slots=True)
class LoadgenResult:
    """LoadGen's verdict and figures; nothing here is ours.

    Attributes:
        loadgen: Its version.
        valid: Whether its own rules are kept.
        reasons: Why not.
        queries: How many were answered.
        samples_per_query: Photos in each.
        percentiles_ms: Latency of a query by percentile (Offline: of the one query that holds all photos).
        mean_ms: Likewise.
        min_ms: Likewise.
        max_ms: Likewise.
        early_stopping_ms: LoadGen's upper estimate of the scenario's own percentile (SingleStream: 90,
            MultiStream: 99); None if the queries are too few for one, or the scenario has none.
        samples_per_s: Photos a second: that LoadGen counted; None for MultiStream, where it doesn't tell.
        scheduled_per_s: Server: queries that came in a second.
        overlatency: Server: queries that took longer than the target.
        settings: As LoadGen applied them.
        errors: What it complained about.
    """

    loadgen: str
    valid: bool
    reasons: tuple[str, ...]
    queries: int
    samples_per_query: int
    percentiles_ms: dict[str, float]
    mean_ms: float
    min_ms: float
    max_ms: float
    early_stopping_ms: float | None
    samples_per_s: float | None
    scheduled_per_s: float | None
    overlatency: int | None
    settings: dict[str, Any]
    errors: tuple[str, ...]


def read_result(folder: Path) -> LoadgenResult:
    """The result of a performance test.

    Raises:
        EngineError: If its log is missing or holds no result.
    """
    values: dict[str, Any] = {}
    errors: list[str] = []
    for entry in _entries(folder / DETAIL_LOG):
        values[entry["key"]] = entry["value"]
        if entry["metadata"].get("is_error"):
            errors.append(f"{entry['key']}: {entry['value']}")
    try:
        return _result(values, tuple(errors))
    except KeyError as error:
        raise EngineError(f"{folder / DETAIL_LOG}: holds no {error}, so LoadGen's test didn't end") from error


def read_answers(folder: Path, photos: int, classes: int) -> npt.NDArray[np.float32]:
    """The answers of an accuracy test, from LoadGen's log.

    Returns:
        ``float32 [photos, classes]``; a photo that LoadGen has no answer of is NaN.

    Raises:
        EngineError: If the log is missing or damaged.
    """
    path = folder / ACCURACY_LOG
    answers = np.full((photos, classes), np.nan, np.float32)
    try:
        for entry in json.loads(path.read_text()):
            answers[entry["qsl_idx"]] = np.frombuffer(bytes.fromhex(entry["data"]), np.float32)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise EngineError(f"{path}: not a log of LoadGen's answers ({error})") from error
    return answers


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
        for line in lines:
            if line.startswith(_LINE):
                yield json.loads(line.removeprefix(_LINE))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: not a log of LoadGen ({error})") from error


def _result(values: dict[str, Any], errors: tuple[str, ...]) -> LoadgenResult:
    queries = values["result_query_count"]
    early_ns = values.get("early_stopping_latency_ss") or values.get("early_stopping_latency_ms")
    rates = (
        "result_samples_per_second",
        "result_completed_samples_per_sec",
        "result_qps_with_loadgen_overhead",
    )
    return LoadgenResult(
        loadgen=values["loadgen_version"],
        valid=values["result_validity"] == "VALID",
        reasons=_reasons(values),
        queries=queries,
        samples_per_query=values["effective_samples_per_query"],
        percentiles_ms={
            f"p{percentile}": values[f"result_{percentile:.2f}_percentile_latency_ns"] / 1e6
            for percentile in _PERCENTILES
        },
        mean_ms=values["result_mean_latency_ns"] / 1e6,
        min_ms=values["result_min_latency_ns"] / 1e6,
        max_ms=values["result_max_latency_ns"] / 1e6,
        early_stopping_ms=early_ns / 1e6 if early_ns else None,
        samples_per_s=next((values[rate] for rate in rates if rate in values), None),
        scheduled_per_s=values.get("result_scheduled_samples_per_sec"),
        overlatency=values.get("result_overlatency_query_count"),
        settings={
            key.removeprefix("effective_"): value for key, value in values.items() if key.startswith("effective_")
        },
        errors=errors,
    )


def _reasons(values: dict[str, Any]) -> tuple[str, ...]:
    """LoadGen's own words where it has some; else which of its rules isn't kept."""
    if values["result_validity"] == "VALID":
        return ()
    said = ["result_invalid_reason", *(["early_stopping_result"] if values.get("early_stopping_met") is False else [])]
    rules = {
        "result_min_duration_met": "too short",
        "result_min_queries_met": "too few queries",
        "result_perf_constraints_met": "latencies beyond the target",
        "early_stopping_met": "too few queries for the percentile",
    }
    unmet = [words for rule, words in rules.items() if values.get(rule) is False]
    words = (" ".join(str(values.get(key, "")).replace("*", " ").split()) for key in said)
    return (*unmet, *filter(None, words))
