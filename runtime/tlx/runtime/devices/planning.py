"""Which execution providers to ask for: a pure decision, apart from trying them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tlx.errors import DeviceError
from tlx.runtime.devices.names import (
    CPU_PROVIDER,
    CUDA_PROVIDER,
    INSTALL,
    ON_NVIDIA,
    PROVIDER_OF,
    TENSORRT_PROVIDER,
    Device,
)

HELP: Final = "'tlx doctor' shows what is missing, --device cpu runs without"


def plan_providers(device: Device, available: Sequence[str], obstacle: str | None) -> tuple[str, ...]:
    """Decide which execution providers to ask for, in order of preference.

    Args:
        device: What the user asked for.
        available: The providers that the installed ONNX Runtime was built with.
        obstacle: Why CUDA can't work on this machine, from :func:`~tlx.runtime.cuda_driver.cuda_obstacle`.

    Raises:
        DeviceError: If a device is asked for that can't work; says why and what to do.
    """
    if device == "cpu":
        return (CPU_PROVIDER,)
    if device == "auto":
        works = CUDA_PROVIDER in available and obstacle is None
        return (CUDA_PROVIDER, CPU_PROVIDER) if works else (CPU_PROVIDER,)
    if device in ON_NVIDIA and obstacle is not None:
        raise DeviceError(
            f"--device {device}: no CUDA device can be used here ({obstacle}): install NVIDIA's driver, then "
            f"{INSTALL[device]}; {HELP}"
        )
    provider = PROVIDER_OF[device]
    if provider not in available:
        raise DeviceError(
            f"--device {device}: the installed ONNX Runtime has no {provider} (it has {', '.join(available)}): "
            f"{INSTALL[device]}; {HELP}"
        )
    if provider == TENSORRT_PROVIDER:  # what TensorRT can't do stays on the GPU
        return (TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER)
    return (provider, CPU_PROVIDER)
