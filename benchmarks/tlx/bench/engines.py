"""Which engines a bench measures: ways to run Keras, and ONNX Runtime's providers that really work here."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tlx.bench.plan import EnginePrecision, EngineSpec
from tlx.contract import Contract
from tlx.errors import InputError
from tlx.runtime import environment
from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.devices.names import CPU_PROVIDER, ON_NVIDIA, PROVIDER_OF, place_of
from tlx.runtime.provider_probe import probe_providers
from tlx.runtime.timing.protocol import ONNX_KIND

KERAS_KINDS: Final[dict[str, EnginePrecision]] = {
    "keras.predict": "fp32",
    "keras.call": "fp32",
    "keras.tf_function": "fp32",
    "keras.xla": "fp32",
    "keras.mixed_bfloat16": "bf16",
    "keras.mixed_float16": "fp16",
}
"""The first is the baseline."""
_ALWAYS: Final = ("keras.predict", "keras.call", "keras.tf_function")
_BFLOAT16_INSTRUCTIONS: Final = frozenset({"avx512_bf16", "amx_bf16"})
"""Without them bfloat16 is imitated, at a tenth of the speed."""


def keras_engines(model: Path, size_hw: tuple[int, int], contract: Contract) -> list[EngineSpec]:
    """All ways to run a Keras model.

    Args:
        model: A .keras file.
        size_hw: Height and width that it takes.
        contract: Of the model file beside it, whose way to a label it shares.
    """
    resize, threshold = contract.resize.method, contract.threshold
    return [
        EngineSpec(kind, model, size_hw, resize, precision, threshold, optional=kind not in _ALWAYS)
        for kind, precision in KERAS_KINDS.items()
    ]


def onnx_engines(models: Sequence[tuple[Path, Contract]], devices: Sequence[str] = ("cpu",)) -> list[EngineSpec]:
    """One engine for each model file on each device; files of the same precision are marked by their names.

    Args:
        models: The files.
        devices: As the session takes them; all but the first are tried, and left out where a file doesn't load.
    """
    precisions = Counter(contract.precision for _, contract in models)
    names = Counter((contract.precision, path.stem) for path, contract in models)
    engines = []
    for number, (path, contract) in enumerate(models, 1):
        mark = "" if precisions[contract.precision] == 1 else path.stem
        if names[contract.precision, path.stem] > 1:
            mark = f"{mark}#{number}"
        resize, threshold = contract.resize.method, contract.threshold
        engine = EngineSpec(ONNX_KIND, path, contract.input.size_hw, resize, contract.precision, threshold, mark)
        engine = replace(engine, network=network_of(contract))
        engines += [replace(engine, device=device, optional=device != devices[0]) for device in devices]
    return engines


def network_of(contract: Contract) -> str:
    """What tells a file's network from others: the run or the Keras file that it came from.

    Files in which neither is named are taken for one network: then a difference between them is told, not excused.
    """
    if contract.training is not None:
        return network_of_run(contract.training.run, contract.training.data_sha256, contract.training.weights_sha256)
    return "" if contract.keras_file is None else f"Keras file {contract.keras_file.sha256}"


def network_of_run(name: str, data_sha256: str, weights_sha256: str) -> str:
    """The same of a run: its name may be given again, on other photos or from other weights."""
    return f"run {name} {data_sha256} {weights_sha256}"


def choose_engines(engines: Sequence[EngineSpec], patterns: Sequence[str], device: str) -> list[EngineSpec]:
    """Those that the user named, or those that make sense on this device.

    Args:
        engines: All that there are.
        patterns: Names, ``*`` stands for anything: ``keras.xla``, ``onnxruntime.*``; empty for the usual ones.
        device: What the user asked for.

    Raises:
        InputError: If a pattern fits none.
    """
    if not patterns:
        unusual = {"keras.mixed_bfloat16", "keras.mixed_float16"} - set(_mixed_kinds(device))
        return [engine for engine in engines if engine.kind not in unusual]
    names = [expected_name(engine) for engine in engines]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise InputError(f"--engine {pattern}: there is no such engine here, only {', '.join(names)}")
    return [
        replace(engine, optional=False)
        for engine, name in zip(engines, names, strict=True)
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]


def expected_name(engine: EngineSpec) -> str:
    """An engine's name if it runs where it's asked to."""
    return engine.name(provider_of(engine.device))


def provider_of(device: str) -> str:
    """What a device is called in names: ``cuda`` for ``gpu``."""
    name = next((provider for place, provider in PROVIDER_OF.items() if place == device), CPU_PROVIDER)
    return name.removesuffix("ExecutionProvider").lower()


def spread(engines: Iterable[EngineSpec], batches: Sequence[int], threads: Sequence[int]) -> tuple[EngineSpec, ...]:
    """A row for each engine, batch size and number of threads; rows that are compared stand together."""
    known = tuple(engines)
    return tuple(
        replace(engine, batch=batch, threads=count) for count in threads for batch in batches for engine in known
    )


def find_devices(device: str, available: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """On which devices ONNX Runtime is measured.

    Args:
        device: What the user asked for: one that is named is the only one, ``auto`` is each that works.
        available: The providers that the installed ONNX Runtime was built with: it lists some that don't work here.

    Returns:
        The devices, and a line for those that are installed but don't work.
    """
    if device != "auto":
        return (device,), []
    others = {place: name for name in available if (place := place_of(name)) and place != "cpu"}
    obstacle = cuda_obstacle() if ON_NVIDIA & others.keys() else None
    reasons = {name: obstacle for place, name in others.items() if obstacle and place in ON_NVIDIA}
    probed = probe_providers([name for name in others.values() if name not in reasons])
    reasons |= {tried.name: tried.reason for tried in probed if not tried.works}
    works = [place for place, name in others.items() if name not in reasons]
    return ("cpu", *works), [
        f"not measured: {' and '.join(name for name in reasons if reasons[name] == why)} (installed, but: {why})"
        for why in dict.fromkeys(reasons.values())
    ]


def _mixed_kinds(device: str) -> tuple[str, ...]:
    """The 16 bits that this machine computes by itself."""
    if device in {"auto", "gpu"} and cuda_obstacle() is None:
        return ("keras.mixed_float16",)
    fast = _BFLOAT16_INSTRUCTIONS.intersection(environment.processor_flags())
    return ("keras.mixed_bfloat16",) if fast else ()
