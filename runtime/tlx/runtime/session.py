"""The one place that makes ONNX Runtime sessions.

Honest about devices: whoever asks for a GPU gets a GPU or an error, never a quiet run on the CPU
(onnxruntime#23372); so for TensorRT, OpenVINO and CoreML. Quiet: ONNX Runtime writes nothing to the terminal, its
reasons come in our exceptions. Sessions of CUDA were run on an H200. What follows a successful session of TensorRT or
CoreML is unverified: neither was at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from tlx.errors import DeviceError, InputError, ModelFileError
from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.devices.bound_runner import BoundRunner, can_bind
from tlx.runtime.devices.engines import (
    ENGINE_ERRORS,
    LOG_NOTHING,
    LOG_WARNINGS,
    PLAIN,
    Tuning,
    create_engine,
)
from tlx.runtime.devices.names import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    INSTALL,
    ON_NVIDIA,
    Device,
    UsedDevice,
    place_of,
)
from tlx.runtime.devices.parts import count_parts, parts_note, runs_nothing
from tlx.runtime.devices.planning import HELP, plan_providers
from tlx.runtime.devices.tensors import Tensor, describe_tensor
from tlx.runtime.engine_words import short_reason
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.processors import usable_processors

__all__ = [
    "CPU_PROVIDER",
    "CUDA_PROVIDER",
    "ENGINE_ERRORS",
    "LOG_NOTHING",
    "LOG_WARNINGS",
    "PLAIN",
    "Device",
    "Session",
    "Tensor",
    "Tuning",
    "create_engine",
    "open_session",
    "plan_providers",
]

Array = npt.NDArray[np.generic]

_TRIAL_RUNS: Final = 3
"""CUDA records a graph in its second run or so; a trial shows whether it can."""


@dataclass(frozen=True, slots=True)
class Session:
    """A graph ready to run; safe to use from several threads at once.

    Attributes:
        source: The model's name, for errors.
        device: Where it really runs.
        providers: The execution providers that it got, in order of preference.
        threads: Processors used for one operator.
        note: What the user should know about the device: why a GPU that seems to be there isn't used (``auto`` only),
            or that a part of the network runs on the CPU. None usually.
        engine: ``onnxruntime.InferenceSession``.
        runner: Runs it through buffers on the device; None where there is no need.
    """

    source: str
    device: UsedDevice
    providers: tuple[str, ...]
    threads: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    note: str | None
    engine: Any = field(repr=False)
    runner: BoundRunner | None = field(default=None, repr=False)

    def run(self, output: str, feed: Mapping[str, Array]) -> Array:
        """Compute one output.

        Args:
            output: Its name.
            feed: An array for each input.

        Raises:
            ModelFileError: If the graph fails on the CPU.
            DeviceError: If it fails on another device, for want of memory for example.
        """
        try:
            if self.runner is not None:  # the graph has one input and one output
                return self.runner.run(feed[self.inputs[0].name])
            return cast("Array", self.engine.run([output], dict(feed))[0])
        except ENGINE_ERRORS as error:
            reason = short_reason(str(error))
            if self.device != "cpu":
                raise DeviceError(
                    f"{self.source}: failed on {self.providers[0]} ({reason}): --device cpu runs without"
                ) from error
            raise ModelFileError(f"{self.source}: failed while running ({reason})") from error


def open_session(
    content: bytes | Path, source: str, *, device: Device = "auto", threads: int | None = None, tuning: Tuning = PLAIN
) -> Session:
    """Make a session from the bytes of a model, and look at what it got.

    Args:
        content: The model, whole and checked, see :class:`~tlx.runtime.model_file.ModelFile`; or a file that holds it
            and that nobody changes.
        source: Its name, for errors.
        device: One that is named is got or is an error; ``auto`` takes a GPU if it works, else the CPU.
        threads: Processors for one operator; those that this process may use if left out.
        tuning: The model's precision, and what else is special about this session.

    Raises:
        DeviceError: If the device isn't available.
        ModelFileError: If ONNX Runtime refuses the model.
    """
    if threads is not None and threads < 1:
        raise InputError(f"threads must be at least 1, received {threads}")
    threads = threads or usable_processors()
    obstacle = cuda_obstacle() if device == "auto" or device in ON_NVIDIA else None
    providers = plan_providers(device, onnxruntime.get_available_providers(), obstacle)
    making = _Making(content, source, threads, tuning)
    if providers[0] == CPU_PROVIDER:
        return making.on_cpu(note=None)
    session, reason = making.on(providers)
    if session is not None:
        return session
    if device != "auto":
        raise DeviceError(
            f"--device {device}: ONNX Runtime can't use {providers[0]} ({reason}): {INSTALL[device]}; {HELP}"
        )
    note = f"running on the CPU, because ONNX Runtime can't use the GPU ({reason}); 'tlx doctor' shows more"
    return making.on_cpu(note=note)


@dataclass(frozen=True, slots=True)
class _Making:
    """A session in the making; the attributes are :func:`open_session`'s."""

    content: bytes | Path
    source: str
    threads: int
    tuning: Tuning

    def on_cpu(self, *, note: str | None) -> Session:
        try:
            engine = create_engine(self.content, (CPU_PROVIDER,), threads=self.threads, tuning=self.tuning)
        except ENGINE_ERRORS as error:
            raise self._refused(error) from error
        return self._describe(engine, note=note)

    def on(self, providers: tuple[str, ...]) -> tuple[Session | None, str]:
        """A session whose first provider is the one asked for, or None and the reason."""
        failure = None
        for tuning in self._tunings(providers[0]):
            try:
                engine = create_engine(self.content, providers, threads=self.threads, tuning=tuning)
                if engine.get_providers()[0] != providers[0]:
                    break
                parts = count_parts(engine)
                if runs_nothing(providers[0], parts):
                    return None, "it can't do a single operator of this network"
                session = self._bind(self._describe(engine, note=parts_note(parts)), graphs=tuning.graphs)
                if session is not None:
                    return session, ""
            except ENGINE_ERRORS as error:
                failure = error
        from tlx.runtime.provider_probe import probe_provider  # starts a process: only when something is wrong

        probed = probe_provider(providers[0])
        if probed.works and failure is not None:
            raise self._refused(failure) from failure
        return None, probed.reason or "it doesn't say why"

    def _tunings(self, provider: str) -> tuple[Tuning, ...]:
        """First with CUDA's graphs, which refuse a network that has a part on the CPU; then without."""
        plain = replace(self.tuning, graphs=False)
        return (replace(plain, graphs=True), plain) if provider == CUDA_PROVIDER else (plain,)

    def _bind(self, session: Session, *, graphs: bool) -> Session | None:
        """With buffers on the GPU where it is one; None if its graphs can't be used because its sizes aren't fixed."""
        bindable = can_bind(session.inputs, session.outputs)
        if session.device not in ON_NVIDIA or not bindable:
            return None if graphs else session
        runner = BoundRunner(session.engine, session.inputs[0], session.outputs[0], memory="cuda", graphs=graphs)
        if graphs:
            for _ in range(_TRIAL_RUNS):
                runner.run(runner.blank(1))
        return replace(session, runner=runner)

    def _refused(self, error: Exception) -> ModelFileError:
        return ModelFileError(
            f"{self.source}: ONNX Runtime {onnxruntime.__version__} can't load it ({short_reason(str(error))}): "
            "update onnxruntime, or export the model again"
        )

    def _describe(self, engine: onnxruntime.InferenceSession, *, note: str | None) -> Session:
        providers = tuple(engine.get_providers())
        try:
            inputs = tuple(map(describe_tensor, engine.get_inputs()))
            outputs = tuple(map(describe_tensor, engine.get_outputs()))
        except UnicodeDecodeError as error:  # ONNX Runtime hands names on as they are
            raise ModelFileError(f"{self.source}: a name in it is no text: export the model again") from error
        return Session(
            source=self.source,
            device=place_of(providers[0]) or "cpu",
            providers=providers,
            threads=self.threads,
            inputs=inputs,
            outputs=outputs,
            note=note,
            engine=engine,
        )
