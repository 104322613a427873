from __future__ import annotations

from typing import get_args

import pytest

from tlx.errors import DeviceError
from tlx.runtime.devices.names import (
    COREML_PROVIDER,
    CPU_PROVIDER,
    CUDA_PROVIDER,
    INSTALL,
    OPENVINO_PROVIDER,
    PROVIDER_OF,
    TENSORRT_PROVIDER,
    Device,
    UsedDevice,
    place_of,
)
from tlx.runtime.devices.planning import plan_providers

GPU_WHEEL = (TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER)
OPENVINO_WHEEL = (OPENVINO_PROVIDER, CPU_PROVIDER)
MAC_WHEEL = (COREML_PROVIDER, "AzureExecutionProvider", CPU_PROVIDER)
NO_DRIVER = "libcuda.so.1: cannot open shared object file"


@pytest.mark.parametrize(
    ("device", "available", "obstacle", "expected"),
    [
        ("trt", GPU_WHEEL, None, (TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER)),
        ("openvino", OPENVINO_WHEEL, NO_DRIVER, (OPENVINO_PROVIDER, CPU_PROVIDER)),
        ("coreml", MAC_WHEEL, NO_DRIVER, (COREML_PROVIDER, CPU_PROVIDER)),
        # auto takes a GPU or the CPU, whatever else is there
        ("auto", OPENVINO_WHEEL, NO_DRIVER, (CPU_PROVIDER,)),
        ("auto", MAC_WHEEL, NO_DRIVER, (CPU_PROVIDER,)),
        ("auto", GPU_WHEEL, None, (CUDA_PROVIDER, CPU_PROVIDER)),
    ],
)
def test_plan_providers_of_each_device(
    device: Device, available: tuple[str, ...], obstacle: str | None, expected: tuple[str, ...]
) -> None:
    assert plan_providers(device, available, obstacle) == expected


@pytest.mark.parametrize(
    ("device", "available", "obstacle", "reason"),
    [
        ("trt", GPU_WHEEL, NO_DRIVER, r"--device trt: no CUDA device can be used here \(libcuda.*tensorrt"),
        ("trt", OPENVINO_WHEEL, None, "has no TensorrtExecutionProvider .*pip install 'tlx-edge.cuda.' tensorrt"),
        ("openvino", GPU_WHEEL, None, "has no OpenVINOExecutionProvider .*pip install onnxruntime-openvino"),
        ("coreml", GPU_WHEEL, None, "has no CoreMLExecutionProvider .*macOS"),
    ],
)
def test_a_device_that_cannot_be_had_says_what_is_missing_and_what_to_install(
    device: Device, available: tuple[str, ...], obstacle: str | None, reason: str
) -> None:
    with pytest.raises(DeviceError, match=reason) as caught:
        plan_providers(device, available, obstacle)
    assert caught.value.exit_code == 3
    assert "tlx doctor" in str(caught.value)


def test_each_place_has_a_provider_and_a_way_to_get_it() -> None:
    assert set(get_args(UsedDevice)) == PROVIDER_OF.keys() == INSTALL.keys() == {*get_args(Device)} - {"auto"}
    assert [place_of(provider) for provider in PROVIDER_OF.values()] == list(PROVIDER_OF)
    assert place_of("AzureExecutionProvider") is None


def test_the_command_line_takes_every_device() -> None:
    from tlx.cli import options

    assert {device.value for device in options.Device} == {*get_args(Device)}
