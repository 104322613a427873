"""Which parts of a network run where: a provider leaves to the CPU what it can't do, and says nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tlx.runtime.devices.names import CPU_PROVIDER

RECORD: Final = "session.record_ep_graph_assignment_info"
"""The entry of a session's configuration that makes ONNX Runtime (from 1.24) keep the answer."""


def count_parts(engine: Any) -> Mapping[str, int]:
    """How many operators each provider runs; empty where ONNX Runtime doesn't tell.

    Args:
        engine: A session that was made with :data:`RECORD`.
    """
    counts: Counter[str] = Counter()
    if hasattr(engine, "get_provider_graph_assignment_info"):
        for part in engine.get_provider_graph_assignment_info():
            counts[part.ep_name] += len(part.get_nodes())
    return counts


def runs_nothing(provider: str, counts: Mapping[str, int]) -> bool:
    """Whether a provider is there but has no part in the work."""
    return bool(counts) and provider not in counts


def parts_note(counts: Mapping[str, int]) -> str | None:
    """What a user who asked for another device should know of the parts that run on the CPU."""
    on_cpu, total = counts.get(CPU_PROVIDER, 0), sum(counts.values())
    if on_cpu == 0:
        return None
    return f"{on_cpu} of the network's {total} operators run on the CPU: the device can't do them"
