"""How much memory an engine's own process took at most, and what it holds on a GPU."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tlx.runtime import nvml

PROC: Final = Path("/proc")
_MEGABYTE: Final = 1e6
_KIBIBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the process in which an engine went from file bytes to labels: interpreter, libraries, model, photos.

    Attributes:
        peak_rss_bytes: The high-water mark of its resident set; None where the system doesn't tell.
        gpu_bytes: What it held on all GPUs after its calls (allocators there give little back); None without a GPU, or
            where NVML doesn't tell.
    """

    peak_rss_bytes: int | None
    gpu_bytes: int | None

    def document(self) -> dict[str, Any]:
        """As plain JSON values; megabytes of 10^6 bytes."""
        return {"peak_rss_mb": _megabytes(self.peak_rss_bytes), "gpu_mb": _megabytes(self.gpu_bytes)}


def read_memory(pid: int, *, on_gpu: bool, library: str = nvml.LIBRARY) -> tuple[Memory, list[str]]:
    """Read it from the system; gives one line for each figure that can't be had, too.

    Args:
        pid: The engine's process, which still lives.
        on_gpu: Whether it runs on a GPU.
        library: NVML's.
    """
    notes = []
    peak_bytes = peak_rss_bytes(pid)
    if peak_bytes is None:
        notes.append("peak memory isn't known: it's read from Linux's /proc/PID/status (VmHWM), which isn't here")
    gpu_bytes = None
    if on_gpu:
        try:
            gpu_bytes = nvml.process_memory_bytes(pid, library)
            reason = "NVML doesn't list this process, as in most containers"
        except OSError as error:
            reason = f"NVML can't be asked ({error})"
        if gpu_bytes is None:
            notes.append(f"memory on the GPU isn't known: {reason}")
    return Memory(peak_bytes, gpu_bytes), notes


def peak_rss_bytes(pid: int, proc: Path = PROC) -> int | None:
    """The high-water mark of a living process's resident set; None where the system doesn't tell.

    Not ``getrusage``: a process inherits that mark from the one that started it.
    """
    try:
        status = (proc / str(pid) / "status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * _KIBIBYTE if found else None


def _megabytes(amount: int | None) -> float | None:
    return None if amount is None else round(amount / _MEGABYTE, 1)
