"""Names of machines: results of different ones are never mixed."""

from __future__ import annotations

import re
from typing import Any


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
    """The GPU that a result is of; None for a processor's."""
    engines = result.get("engines")
    rows = [*(engines if isinstance(engines, list) else []), result]
    providers = {str(row.get("provider")) for row in rows}
    named = result.get("environment", {}).get("gpu")
    return str(named) if named else next((name for name in sorted(providers) if name in {"cuda", "tensorrt"}), None)
