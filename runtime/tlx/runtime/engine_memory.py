"""How much memory ONNX Runtime may take, so that a hostile or oversized model is an error and not the end.

A graph of a hundred bytes can ask for any amount at run time (Expand, Tile, a broadcast). Where the system
overcommits, that ends in the kernel killing this process or its neighbours; with a limit on the arena, ONNX
Runtime raises an exception that names the operator. The arena is one for the whole process, whatever sessions
there are; it was measured to cost neither time nor memory.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.processors import machine_memory_bytes, memory_limit_bytes

_SHARE: Final = 0.75
_DEFAULT: Final = -1
_lock = threading.Lock()
_limited = False


def share_of_memory(machine_bytes: int | None, group_bytes: int | None) -> int | None:
    """Three quarters of what this process may use; None if nobody knows how much that is.

    Args:
        machine_bytes: The machine's memory.
        group_bytes: What the control groups allow.
    """
    known = [size for size in (machine_bytes, group_bytes) if size is not None]
    return int(min(known) * _SHARE) if known else None


def limit_memory(options: Any, limit_bytes: int | None = None) -> None:
    """Make a session take its memory from the limited arena.

    Args:
        options: ``onnxruntime.SessionOptions`` of a session on the CPU.
        limit_bytes: The arena's size; three quarters of the memory if left out. The first call of a process
            decides.
    """
    global _limited  # noqa: PLW0603 - ONNX Runtime's arena is one for the process, too
    with _lock:
        if not _limited:
            limit_bytes = limit_bytes or share_of_memory(machine_memory_bytes(), memory_limit_bytes())
            if limit_bytes is None:
                return
            kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
            place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
            others = ("arena_extend_strategy", "initial_chunk_size_bytes", "max_dead_bytes_per_chunk")
            sizes = {"max_mem": limit_bytes, **dict.fromkeys(others, _DEFAULT)}
            onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg(sizes))
            _limited = True
    options.add_session_config_entry("session.use_env_allocators", "1")
