"""Which processors the engines share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def choose_cpus(threads: int) -> tuple[int, ...]:
    """As many of this process's processors as there are threads; empty where the system can't pin."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    available = sorted(os.sched_getaffinity(0))
    return spread_over_cores(available, {cpu: _core_of(cpu) for cpu in available}, threads)


def spread_over_cores(available: Sequence[int], core_of: Mapping[int, object], threads: int) -> tuple[int, ...]:
    """Choose processors of different cores first: two hardware threads of one core share its arithmetic.

    Args:
        available: Processor numbers to choose from.
        core_of: What tells the core of each; equal values are one core.
        threads: How many are wanted; all are given if there are no more than that.
    """
    used: dict[object, int] = {}
    ranked = []
    for cpu in available:
        sibling = used.get(core_of[cpu], 0)
        used[core_of[cpu]] = sibling + 1
        ranked.append((sibling, cpu))
    return tuple(sorted(cpu for _, cpu in sorted(ranked)[:threads]))


def _core_of(cpu: int) -> object:
    try:
        return (_TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return cpu
