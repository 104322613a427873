"""What machine and which packages this is: one description for runs, contracts, benchmarks and doctor."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlx.version import __version__

PACKAGES = (
    "numpy",
    "opencv-python",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "pydantic",
    "tensorflow",
    "keras",
    "tf2onnx",
    "onnx",
    "scikit-learn",
    "pillow-heif",
)
# Instruction sets that decide how fast a network runs.
SPEED_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp")
_CPUINFO = Path("/proc/cpuinfo")


def processor_name() -> str:
    """The processor's own name, as far as the system tells it."""
    return _cpuinfo_field("model name") or platform.processor() or platform.machine()


def processor_flags() -> tuple[str, ...]:
    """Those of :data:`SPEED_FLAGS` that the processor has (empty where the system doesn't tell)."""
    flags = set((_cpuinfo_field("flags") or _cpuinfo_field("Features") or "").split())
    return tuple(flag for flag in SPEED_FLAGS if flag in flags)


def is_virtual_machine() -> bool | None:
    """Whether a hypervisor lies below; None where the processor doesn't tell (others than x86)."""
    flags = _cpuinfo_field("flags")
    return None if flags is None else "hypervisor" in flags.split()


def package_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The versions of tlx, Python and those of some packages that are installed."""
    versions = {"tlx": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def describe() -> dict[str, Any]:
    """Machine and packages as plain JSON values."""
    return {
        "processor": processor_name(),
        "processor_flags": list(processor_flags()),
        "host_cores": os.cpu_count(),
        "platform": platform.platform(),
        "versions": package_versions(),
    }


def _cpuinfo_field(name: str) -> str | None:
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
