"""Bare sessions of ONNX Runtime, made quietly: it writes nothing to the terminal, its reasons come in exceptions."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tlx.cache import cache_folder
from tlx.contract import Precision
from tlx.errors import OutputError
from tlx.runtime.devices.names import CPU_PROVIDER, CUDA_PROVIDER, TENSORRT_PROVIDER
from tlx.runtime.devices.parts import RECORD
from tlx.runtime.devices.provider_options import Settings, cache_name, provider_options
from tlx.runtime.engine_memory import limit_memory
from tlx.runtime.onnx_runtime import onnxruntime

LOG_WARNINGS: Final = 2
LOG_NOTHING: Final = 4
_PRIVATE: Final = 0o700


def _engine_errors() -> tuple[type[Exception], ...]:
    # ONNX Runtime's exceptions have no common base of their own.
    from onnxruntime.capi import onnxruntime_pybind11_state as engine  # noqa: TID251 - loaded by the line above

    own = [kind for kind in vars(engine).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError)


ENGINE_ERRORS: Final = _engine_errors()


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is special about a session.

    Attributes:
        precision: The model file's.
        graphs: As in :class:`~tlx.runtime.devices.provider_options.Settings`.
        before_work: For a session on the CPU that is made while another one works: called in the thread that makes it,
            once the session's own threads are there and before the long part begins (optimizing the graph, packing
            the weights).
        profile: Where the engine's own profiler writes, as the beginning of a file's path; None for no profile.
    """

    precision: Precision = "fp32"
    graphs: bool = False
    before_work: Callable[[], None] | None = None
    profile: Path | None = None


PLAIN: Final = Tuning()


def create_engine(
    content: bytes | Path,
    providers: Sequence[str],
    *,
    threads: int,
    log_severity: int = LOG_NOTHING,
    tuning: Tuning = PLAIN,
) -> onnxruntime.InferenceSession:
    """Make the bare session; its providers may be fewer than those asked for.

    Args:
        content: The model. From a file ONNX Runtime reads it without Python's lock, from bytes with it: 60 MB take 35
            to 80 ms, in which no other thread of Python moves (measured with 1.31).
        providers: In order of preference.
        threads: Processors for one operator.
        log_severity: From 0 (everything) to 4 (only what ends the process) on stderr.
        tuning: What is special about it.

    Raises:
        Exception: One of :data:`ENGINE_ERRORS`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = log_severity
    if tuning.profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(tuning.profile)
    if CUDA_PROVIDER not in providers:
        limit_memory(options)
    settings = Settings(threads, tuning.precision, graphs=tuning.graphs)
    chosen = [(name, provider_options(name, replace(settings, cache=_cache_of(name)))) for name in providers]
    more: dict[str, Any] = {}
    only_cpu = tuple(providers) == (CPU_PROVIDER,)
    if only_cpu and tuning.before_work is not None:
        more["disabled_optimizers"] = _NoneButFirst(tuning.before_work)
    if not only_cpu:
        options.add_session_config_entry(RECORD, "1")
    preparing = contextlib.nullcontext() if only_cpu else _preparing_providers(providers, log_severity)
    model = str(content) if isinstance(content, Path) else content
    with preparing:
        # Without its own fallback, which would print a banner and run on the CPU.
        return onnxruntime.InferenceSession(model, options, providers=chosen, enable_fallback=0, **more)


class _NoneButFirst:
    """An empty collection that calls a function when it's looked at.

    ONNX Runtime makes a session in two steps and looks at this one (of optimizers to leave out) between them: the
    threads are there, the work isn't done. A test holds it to that.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def __iter__(self) -> Iterator[str]:
        self._function()
        return iter(())


def _cache_of(provider: str) -> Path | None:
    """The folder for what a provider compiles, for this user alone: what lies there is run."""
    name = cache_name(provider)
    if name is None:
        return None
    try:
        folder = cache_folder() / name
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except (OutputError, OSError):  # it works without, only slower at the start
        return None
    return folder


@contextlib.contextmanager
def _preparing_providers(providers: Sequence[str], log_severity: int) -> Iterator[None]:
    # Providers load under the process-wide logger, and preload_dlls prints to stdout what it misses.
    onnxruntime.set_default_logger_severity(log_severity)
    try:
        if {CUDA_PROVIDER, TENSORRT_PROVIDER} & set(providers) and hasattr(onnxruntime, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):
                onnxruntime.preload_dlls()
        yield
    finally:
        onnxruntime.set_default_logger_severity(LOG_WARNINGS)
