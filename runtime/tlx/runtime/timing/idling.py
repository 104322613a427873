"""Waiting until this process is at rest.

Thread pools spin for a while after the last call (ONNX Runtime's for 50 ms to more than a second): on few cores
they would slow down whoever has the next turn.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Final

LONGEST_WAIT_S: Final = 3.0
_WINDOW_S: Final = 0.005
_SHARE: Final = 0.1
_TASKS: Final = Path("/proc/self/task")


def wait_until_idle() -> int:
    """Wait until no other thread of this process runs; gives how long that took, in nanoseconds."""
    started_ns = time.monotonic_ns()
    while (now_ns := time.monotonic_ns()) - started_ns < LONGEST_WAIT_S * 1e9:
        cpu_ns = time.process_time_ns()
        time.sleep(_WINDOW_S)
        used_ns = time.process_time_ns() - cpu_ns
        # On a busy machine a spinning thread may have had no processor for the whole window, but it wants one.
        if used_ns < _SHARE * (time.monotonic_ns() - now_ns) and not _other_threads_want_to_run():
            break
    return time.monotonic_ns() - started_ns


def _other_threads_want_to_run() -> bool:
    """Whether the kernel has another thread of ours running or queued; False where it doesn't tell."""
    if not _TASKS.is_dir():
        return False
    own = str(threading.get_native_id())
    return any(_state(task) == "R" for task in _TASKS.iterdir() if task.name != own)


def _state(task: Path) -> str:
    with contextlib.suppress(OSError):
        # The name before it, in parentheses, may hold anything.
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    return ""
