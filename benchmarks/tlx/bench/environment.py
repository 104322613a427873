"""On what a bench runs: processor, clock, limits, packages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tlx.bench.document import Container, Environment
from tlx.bench.plan import Plan
from tlx.runtime import nvml
from tlx.runtime.environment import PACKAGES, describe, is_virtual_machine, package_versions
from tlx.runtime.processors import affinity, machine_memory_bytes, memory_limit_bytes, processor_quota

_PROCESSORS: Final = "sys/devices/system/cpu"
_ENGINE_PACKAGES: Final = ("jax", "openvino", "ncnn", "mnn", "ai-edge-litert", "mlcommons-loadgen")


def describe_machine(
    plan: Plan,
    keras_versions: Mapping[str, str] | None = None,
    root: Path = Path("/"),
    *,
    nvml_library: str = nvml.LIBRARY,
) -> Environment:
    """Machine, packages and how the engines use them; call it before measuring.

    Args:
        plan: What will be measured.
        keras_versions: Of the environment that runs Keras, where that isn't this one.
        root: The root of the file system; another one in tests.
        nvml_library: NVIDIA's; another one in tests.
    """
    processors = root / _PROCESSORS
    gpus = nvml.describe_gpus(nvml_library)
    keras_threads = [engine.threads for engine in plan.engines if engine.kind.startswith("keras.")]
    return Environment(
        **(describe() | {"versions": package_versions((*PACKAGES, *_ENGINE_PACKAGES))}),
        available_cores=affinity(),
        threads_per_core=_threads_per_core(processors),
        pinned_to_cpus=list(plan.cpus) or None,
        governor=_read(processors / "cpu0/cpufreq/scaling_governor"),
        turbo=_turbo(processors),
        virtual_machine=is_virtual_machine(),
        gpus=list(gpus.names) if gpus else None,
        gpu_driver=gpus.driver if gpus else None,
        memory_bytes=machine_memory_bytes(root),
        container=Container(cpu_quota=processor_quota(root), memory_limit_bytes=memory_limit_bytes(root)),
        keras_versions=None if keras_versions is None else dict(keras_versions),
        load_average_before=round(os.getloadavg()[0], 2),
        device=plan.device,
        tensorflow_threads={"intra_op": max(keras_threads), "inter_op": 1} if keras_threads else None,
    )


def _threads_per_core(processors: Path) -> int | None:
    """From a list such as ``0-1`` or ``0,8``."""
    siblings = _read(processors / "cpu0/topology/thread_siblings_list")
    if siblings is None:
        return None
    count = 0
    for part in siblings.split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count


def _turbo(processors: Path) -> bool | None:
    """Intel's driver says whether it's off, the others whether it's on."""
    off, on = _read(processors / "intel_pstate/no_turbo"), _read(processors / "cpufreq/boost")
    if off is not None:
        return off == "0"
    return None if on is None else on == "1"


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text().strip() or None
    return None
