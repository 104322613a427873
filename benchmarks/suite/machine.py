"""Names of machines: results of different ones are never mixed."""

from __future__ import annotations

import re
from typing import Any

from tlx.bench.rows import NVIDIA


def machine_title(environment: dict[str, Any]) -> str:
    """A machine in words, from the ``environment`` of a result."""
    flags = environment.get("processor_flags") or []
    cores = environment.get("available_cores") or environment.get("host_cores")
    memory = environment.get("memory_bytes")
    parts = [
        str(environment.get("processor", "unknown processor")),
        f"{cores} cores" if cores else "",
        ", ".join(flags),
        f"{memory / 2**30:.0f} GiB" if memory else "",
    ]
    return "; ".join(filter(None, parts))


def machine_folder(environment: dict[str, Any]) -> str:
    """A folder's name for a machine: what it computes with, not when or under which system."""
    flags = environment.get("processor_flags") or []
    words = [str(environment.get("processor", "unknown")), f"{environment.get('host_cores')}-cores", *flags[-1:]]
    return re.sub(r"[^a-z0-9.]+", "-", "-".join(words).lower().replace("(r)", "")).strip("-")


def gpu_of(result: dict[str, Any]) -> str | None:
    """The GPU that a result is of, or the provider if it isn't named; None for a processor's."""
    engines = result.get("engines")
    rows = [*(engines if isinstance(engines, list) else []), result]
    used = sorted({str(row.get("provider")) for row in rows} & NVIDIA)
    if not used:
        return None
    return ", ".join(result.get("environment", {}).get("gpus") or used)


def beside_gpu(environment: dict[str, Any]) -> str:
    """What a GPU's figures depend on beside it, in words."""
    versions = environment.get("versions") or {}
    driver = environment.get("gpu_driver")
    packages = [f"{name} {versions[name]}" for name in ("onnxruntime-gpu", "tensorflow", "jax") if name in versions]
    return "; ".join([machine_title(environment), *([f"driver {driver}"] if driver else []), *packages])
