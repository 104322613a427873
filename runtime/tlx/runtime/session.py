"""The one place that makes ONNX Runtime sessions.

Honest about devices: whoever asks for a GPU gets a GPU or an error, never a quiet run on the CPU
(onnxruntime#23372). Quiet: ONNX Runtime writes nothing to the terminal, its reasons come in our exceptions.
(No GPU was at hand when this was written: what follows a successful CUDA session is unverified.)
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

import numpy as np
import numpy.typing as npt

from tlx.errors import DeviceError, InputError, ModelFileError
from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.engine_memory import limit_memory
from tlx.runtime.engine_words import short_reason
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.processors import usable_processors

Device = Literal["auto", "cpu", "gpu"]
Array = npt.NDArray[np.generic]

CPU_PROVIDER: Final = "CPUExecutionProvider"
CUDA_PROVIDER: Final = "CUDAExecutionProvider"

LOG_WARNINGS: Final = 2
LOG_NOTHING: Final = 4
# TF32 rounds to ten bits: the answers would miss what the parity gate promised.
_PROVIDER_OPTIONS: Final[dict[str, dict[str, str]]] = {CUDA_PROVIDER: {"use_tf32": "0"}}
_HELP: Final = "'tlx doctor' shows what is missing, --device cpu runs without"


def _engine_errors() -> tuple[type[Exception], ...]:
    # ONNX Runtime's exceptions have no common base of their own.
    from onnxruntime.capi import onnxruntime_pybind11_state as engine  # noqa: TID251 - loaded by the line above

    own = [kind for kind in vars(engine).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError)


ENGINE_ERRORS: Final = _engine_errors()


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph.

    Attributes:
        dtype: As ONNX Runtime names it, such as ``tensor(uint8)``.
        shape: An integer where the size is fixed, None where it's free.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def plan_providers(device: Device, available: Sequence[str], obstacle: str | None) -> tuple[str, ...]:
    """Decide which execution providers to ask for, in order of preference.

    Args:
        device: What the user asked for.
        available: The providers that the installed ONNX Runtime was built with.
        obstacle: Why CUDA can't work on this machine, from :func:`~tlx.runtime.cuda_driver.cuda_obstacle`.

    Raises:
        DeviceError: If a GPU is asked for and can't work; says why and what to do.
    """
    if device == "gpu":
        if obstacle is not None:
            raise DeviceError(
                f"--device gpu: no CUDA device can be used here ({obstacle}): install NVIDIA's driver, then "
                f"pip install 'tlx-edge[cuda]'; {_HELP}"
            )
        if CUDA_PROVIDER not in available:
            raise DeviceError(
                f"--device gpu: the installed ONNX Runtime has no {CUDA_PROVIDER} (it has {', '.join(available)}): "
                f"pip install 'tlx-edge[cuda]' (on a Jetson NVIDIA's own wheel); {_HELP}"
            )
        return (CUDA_PROVIDER, CPU_PROVIDER)
    if device == "auto" and CUDA_PROVIDER in available and obstacle is None:
        return (CUDA_PROVIDER, CPU_PROVIDER)
    return (CPU_PROVIDER,)


@dataclass(frozen=True, slots=True)
class Session:
    """A graph ready to run; safe to use from several threads at once.

    Attributes:
        source: The model's name, for errors.
        device: Where it really runs.
        providers: The execution providers that it got, in order of preference.
        threads: Processors used for one operator.
        note: Why a GPU that seems to be there isn't used (``auto`` only); None otherwise.
    """

    source: str
    device: Literal["cpu", "gpu"]
    providers: tuple[str, ...]
    threads: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    note: str | None
    _engine: Any = field(repr=False)

    def run(self, output: str, feed: Mapping[str, Array]) -> Array:
        """Compute one output.

        Args:
            output: Its name.
            feed: An array for each input.

        Raises:
            ModelFileError: If the graph fails on the CPU.
            DeviceError: If it fails on a GPU, for want of memory for example.
        """
        try:
            return cast("Array", self._engine.run([output], dict(feed))[0])
        except ENGINE_ERRORS as error:
            reason = short_reason(str(error))
            if self.device == "gpu":
                raise DeviceError(f"{self.source}: failed on the GPU ({reason}): --device cpu runs without") from error
            raise ModelFileError(f"{self.source}: failed while running ({reason})") from error


def open_session(content: bytes, source: str, *, device: Device = "auto", threads: int | None = None) -> Session:
    """Make a session from the bytes of a model, and look at what it got.

    Args:
        content: The model, whole; see :class:`~tlx.runtime.model_file.ModelFile`.
        source: Its name, for errors.
        device: ``gpu`` gets a working GPU or an error; ``auto`` takes one if it works.
        threads: Processors for one operator; those that this process may use if left out.

    Raises:
        DeviceError: If the device isn't available.
        ModelFileError: If ONNX Runtime refuses the model.
    """
    if threads is not None and threads < 1:
        raise InputError(f"threads must be at least 1, received {threads}")
    threads = threads or usable_processors()
    obstacle = cuda_obstacle() if device != "cpu" else None
    providers = plan_providers(device, onnxruntime.get_available_providers(), obstacle)
    if CUDA_PROVIDER not in providers:
        return _describe(_create_on_cpu(content, source, threads), source, threads, note=None)
    engine, reason = _try_cuda(content, source, threads)
    if engine is not None:
        return _describe(engine, source, threads, note=None)
    if device == "gpu":
        raise DeviceError(
            f"--device gpu: ONNX Runtime can't use the GPU ({reason}): pip install 'tlx-edge[cuda]'; {_HELP}"
        )
    note = f"running on the CPU, because ONNX Runtime can't use the GPU ({reason}); 'tlx doctor' shows more"
    return _describe(_create_on_cpu(content, source, threads), source, threads, note=note)


def create_engine(
    content: bytes, providers: Sequence[str], *, threads: int, log_severity: int = LOG_NOTHING
) -> onnxruntime.InferenceSession:
    """Make the bare session; its providers may be fewer than those asked for.

    Args:
        content: The model.
        providers: In order of preference.
        threads: Processors for one operator.
        log_severity: From 0 (everything) to 4 (only what ends the process) on stderr.

    Raises:
        Exception: One of :data:`ENGINE_ERRORS`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = log_severity
    if CUDA_PROVIDER not in providers:
        limit_memory(options)
    chosen = [(name, _PROVIDER_OPTIONS.get(name, {})) for name in providers]
    with _preparing_cuda(log_severity) if CUDA_PROVIDER in providers else contextlib.nullcontext():
        # Without its own fallback, which would print a banner and run on the CPU.
        return onnxruntime.InferenceSession(content, options, providers=chosen, enable_fallback=0)


@contextlib.contextmanager
def _preparing_cuda(log_severity: int) -> Iterator[None]:
    # Providers load under the process-wide logger, and preload_dlls prints to stdout what it misses.
    onnxruntime.set_default_logger_severity(log_severity)
    try:
        if hasattr(onnxruntime, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):
                onnxruntime.preload_dlls()
        yield
    finally:
        onnxruntime.set_default_logger_severity(LOG_WARNINGS)


def _try_cuda(content: bytes, source: str, threads: int) -> tuple[onnxruntime.InferenceSession | None, str]:
    """A session that has CUDA, or None and the reason."""
    failure = None
    try:
        engine = create_engine(content, (CUDA_PROVIDER, CPU_PROVIDER), threads=threads)
        if CUDA_PROVIDER in engine.get_providers():
            return engine, ""
    except ENGINE_ERRORS as error:
        failure = error
    from tlx.runtime.provider_probe import probe_provider  # starts a process: only when something is wrong

    probed = probe_provider(CUDA_PROVIDER)
    if probed.works and failure is not None:
        raise _refused(source, failure) from failure
    return None, probed.reason or "it doesn't say why"


def _create_on_cpu(content: bytes, source: str, threads: int) -> onnxruntime.InferenceSession:
    try:
        return create_engine(content, (CPU_PROVIDER,), threads=threads)
    except ENGINE_ERRORS as error:
        raise _refused(source, error) from error


def _refused(source: str, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{source}: ONNX Runtime {onnxruntime.__version__} can't load it ({short_reason(str(error))}): "
        "update onnxruntime, or export the model again"
    )


def _describe(engine: onnxruntime.InferenceSession, source: str, threads: int, *, note: str | None) -> Session:
    providers = tuple(engine.get_providers())
    try:
        inputs, outputs = tuple(map(_tensor, engine.get_inputs())), tuple(map(_tensor, engine.get_outputs()))
    except UnicodeDecodeError as error:  # ONNX Runtime hands names on as they are
        raise ModelFileError(f"{source}: a name in it is no text: export the model again") from error
    return Session(
        source=source,
        device="gpu" if CUDA_PROVIDER in providers else "cpu",
        providers=providers,
        threads=threads,
        inputs=inputs,
        outputs=outputs,
        note=note,
        _engine=engine,
    )


def _tensor(info: Any) -> Tensor:
    return Tensor(info.name, info.type, tuple(size if isinstance(size, int) else None for size in info.shape))
