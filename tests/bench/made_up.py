"""Documents of benches that never ran, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tlx.bench.document import BenchDocument
from tlx.bench.rows import EngineRow

ROUNDS = 20
CALLS = 6


def made_up_rounds(median_ms: float, *, spread: float = 0.03, rounds: int = ROUNDS, seed: int = 0) -> list[float]:
    """The median call of each round: around a time, independent of each other."""
    noise = np.random.default_rng(seed).standard_normal(rounds)
    return [float(value) for value in median_ms * np.exp(spread * noise)]


def made_up_row(
    name: str = "onnxruntime.cpu.fp32",
    median_ms: float = 10.0,
    *,
    rounds_ms: Sequence[float] | None = None,
    **fields: Any,
) -> EngineRow:
    """An engine of whose calls everything is known; ``fields`` change or add what they name."""
    rounds = list(made_up_rounds(median_ms) if rounds_ms is None else rounds_ms)
    calls = [value * (1 + 0.02 * call) for value in rounds for call in range(CALLS)]
    known: dict[str, Any] = {
        "name": name,
        "status": "ok",
        "command": f"tlx bench model.onnx --engine {name}",
        "model": "model.onnx",
        "model_bytes": 59_000_000,
        "precision": "fp32",
        "provider": "cpu",
        "batch": 1,
        "threads": 2,
        "n": len(calls),
        "iqr_ms": float(np.subtract(*np.quantile(calls, [0.75, 0.25]))),
        "min_ms": min(calls),
        "max_ms": max(calls),
        "throughput_photos_per_s": 1e3 / float(np.mean(calls)),
        "ratio_to_baseline": 72.6 / median_ms,
        "ratio_ci95": (72.0 / median_ms, 73.5 / median_ms),
        "samples_needed": {"p99": 368},
        "latencies_ms": calls,
        "round_medians_ms": rounds,
        "agreement": {
            "photos": 50,
            "labels_equal": 50,
            "max_abs_difference": 2e-7,
            "tolerance": 1e-4,
            "agrees": True,
            "wrong": False,
        },
    }
    for percentile, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95)):
        value = float(np.quantile(calls, share))
        known |= {f"{percentile}_ms": value, f"{percentile}_ci95_ms": (value * 0.99, value * 1.01)}
    return EngineRow.model_validate(known | fields)


def failed_row(name: str = "broken") -> EngineRow:
    """An engine whose process ended."""
    return EngineRow.model_validate(
        {
            "name": name, "status": "failed", "error": f"{name}: its process ended", "model": "model.onnx",
            "precision": "fp32", "provider": None, "batch": 1, "threads": 2, "n": 0, "p50_ms": None,
        }
    )  # fmt: skip


WRONG: dict[str, Any] = {
    "status": "wrong",
    "agreement": {
        "photos": 50, "labels_equal": 31, "max_abs_difference": 0.8, "tolerance": 1e-4, "agrees": False, "wrong": True
    },
}  # fmt: skip
"""Of an engine that computes something else than the baseline."""


def made_up_document(*rows: EngineRow, **fields: Any) -> BenchDocument:
    """A bench of these engines, the first of which is the baseline."""
    known: dict[str, Any] = {
        "schema": 2,
        "created_utc": "2026-01-31T12:00:00+00:00",
        "command": "tlx bench model.onnx -o bench.json",
        "baseline": rows[0].name,
        "engines": rows,
        "photos": {"count": 50, "from": "photos/validation", "synthetic": False, "sha256": "0" * 64},
        "method": {"rounds": ROUNDS, "rounds_asked": ROUNDS, "max_seconds": 120.0, "seconds": 65.0, "seed": 0},
        "environment": {
            "processor": "a processor of some kind",
            "processor_flags": ["avx2", "fma"],
            "host_cores": 2,
            "available_cores": 2,
            "pinned_to_cpus": [0, 1],
            "container": {"cpu_quota": None, "memory_limit_bytes": 8_000_000_000},
            "platform": "Linux",
            "versions": {"tlx": "0.1.0", "onnxruntime": "1.23.0"},
            "device": "auto",
        },
    }
    return BenchDocument.model_validate(known | fields)


def full_document() -> BenchDocument:
    """A bench in which everything was measured: several models and batches, one wrong, one failed."""

    def stages(inference_ms: float) -> dict[str, Any]:
        times = {"decode": 3.1, "resize": 0.6, "inference": inference_ms, "post": 0.02}
        times["total"] = sum(times.values()) * 1.01
        return {step: {"p50_ms": ms, "ci95_ms": [ms * 0.98, ms * 1.03], "n": 60} for step, ms in times.items()}

    def accuracy(correct: int) -> dict[str, Any]:
        return {"correct": correct, "photos": 1000, "low": correct / 1000 - 0.011, "high": correct / 1000 + 0.009}

    def extras(inference_ms: float, correct: int) -> dict[str, Any]:
        return {
            "stages": stages(inference_ms),
            "accuracy": accuracy(correct),
            "cold_start": {"p50_s": 0.81, "min_s": 0.78, "max_s": 0.97, "runs": 5},
            "memory": {"peak_rss_mb": 312.4, "gpu_mb": None},
            "sustained": {"first_minute_photos_per_s": 33.1, "sustained_photos_per_s": 30.9, "seconds": 180.0},
            "energy": {"joules_per_photo": 0.82, "counter": "rapl"},
            "parked": {"cpu_ms": 1.0, "wall_ms": 900.0, "idle": True, "spin_ms": 12.0},
            "warm_up": {"calls": 18, "first_ms": 140.0, "stable": True},
        }

    rows = [
        made_up_row("keras.predict", 72.6, provider="cpu", **extras(71.0, 976)),
        made_up_row("onnxruntime.cpu.fp32", 30.0, **extras(30.1, 976)),
        made_up_row("onnxruntime.cpu.int8:vgg16-static-quantized-minmax", 8.6, precision="int8", **extras(8.7, 973)),
        made_up_row("onnxruntime.cpu.int8:half", 2.5, precision="int8", **extras(2.6, 941)),
        made_up_row("onnxruntime.cpu.fp32:swapped", 1.9, **WRONG),
        failed_row("onnxruntime.openvino.fp32"),
        made_up_row("keras.predict", 480.0, batch=8, ratio_to_baseline=1.0, ratio_ci95=None),
        made_up_row("onnxruntime.cpu.fp32", 210.0, batch=8, ratio_to_baseline=2.3, ratio_ci95=(2.2, 2.4)),
    ]
    interference = {
        "steal_share": 0.03,
        "other_load_share": 0.11,
        "frequency_mhz": {"low": 2100.0, "high": 2900.0},
        "drift": {"share": 0.04, "significant": True},
        "warnings": ["other processes used 11% of the processors' time"],
    }
    return made_up_document(*rows, interference=interference, notes=["left out: photos/bad.jpg: is truncated"])
