"""NVIDIA's management library, as far as tlx asks it: a GPU's name and energy, and a process's memory on it.

Energy and memory were read from an H200 (driver 580.159.04). Names, and several GPUs in one machine, are unverified on
real devices: a library built for the tests stands in for them.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Final

LIBRARY: Final = "libnvidia-ml.so.1"

_INSUFFICIENT_SIZE: Final = 7
_NOT_AVAILABLE: Final = 2**64 - 1
_ROOM: Final = 16
"""For processes that come between the two questions."""
_NAME_BYTES: Final = 96
"""``NVML_DEVICE_NAME_V2_BUFFER_SIZE``; the driver's version takes 80."""


class _ProcessInfo(ctypes.Structure):
    """``nvmlProcessInfo_t`` of the functions that end in _v3."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used_gpu_memory", ctypes.c_ulonglong),
        ("gpu_instance_id", ctypes.c_uint),
        ("compute_instance_id", ctypes.c_uint),
    )


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as the library names it."""

    _nvml: ctypes.CDLL = field(repr=False)
    _handle: ctypes.c_void_p = field(repr=False)

    def name(self) -> str:
        """As in ``NVIDIA H200``.

        Raises:
            OSError: If this GPU doesn't tell.
        """
        text = ctypes.create_string_buffer(_NAME_BYTES)
        _require_success(self._nvml.nvmlDeviceGetName(self._handle, text, ctypes.c_uint(len(text))))
        return text.value.decode(errors="replace")

    def energy_millijoules(self) -> int:
        """Since the driver was loaded; Volta and newer count it.

        Raises:
            OSError: If this GPU doesn't tell.
        """
        millijoules = ctypes.c_ulonglong(0)
        _require_success(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(millijoules)))
        return millijoules.value

    def memory_bytes(self, pid: int) -> int | None:
        """What a process holds on this GPU now; None if the library doesn't know the process or the amount.

        In most containers it knows processes by the host's numbers, so it doesn't know ours.

        Raises:
            OSError: If this GPU doesn't tell.
        """
        ask = self._nvml.nvmlDeviceGetComputeRunningProcesses_v3
        count = ctypes.c_uint(0)
        status = ask(self._handle, ctypes.byref(count), None)
        if status != _INSUFFICIENT_SIZE:
            _require_success(status)
            return None  # there was room for none, and none there is
        processes = (_ProcessInfo * (count.value + _ROOM))()
        count = ctypes.c_uint(len(processes))
        _require_success(ask(self._handle, ctypes.byref(count), processes))
        amounts = [one.used_gpu_memory for one in processes[: count.value] if one.pid == pid]
        return sum(amounts) if amounts and _NOT_AVAILABLE not in amounts else None


def find_gpus(library: str = LIBRARY) -> list[Gpu]:
    """All GPUs that the library shows.

    Raises:
        OSError: If there is no such library, or it doesn't work.
    """
    try:
        nvml = ctypes.CDLL(library)
        _require_success(nvml.nvmlInit_v2())
        count = ctypes.c_uint(0)
        _require_success(nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)))
        return [Gpu(nvml, _handle(nvml, number)) for number in range(count.value)]
    except AttributeError as error:
        raise OSError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Described:
    """The GPUs of a machine.

    Attributes:
        names: One for each.
        driver: Its version.
    """

    names: tuple[str, ...]
    driver: str


def describe_gpus(library: str = LIBRARY) -> Described | None:
    """Which GPUs these are; None where there is no such library, or it doesn't tell."""
    try:
        names = tuple(gpu.name() for gpu in find_gpus(library))
        text = ctypes.create_string_buffer(_NAME_BYTES)
        _require_success(ctypes.CDLL(library).nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text))))
    except (OSError, AttributeError):
        return None
    return Described(names, text.value.decode(errors="replace"))


def process_memory_bytes(pid: int, library: str = LIBRARY) -> int | None:
    """What a process holds on all GPUs now; None if none of them knows it.

    Raises:
        OSError: If the library isn't there, or doesn't tell.
    """
    try:
        amounts = [gpu.memory_bytes(pid) for gpu in find_gpus(library)]
    except AttributeError as error:
        raise OSError(str(error)) from error
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _handle(nvml: ctypes.CDLL, number: int) -> ctypes.c_void_p:
    handle = ctypes.c_void_p()
    _require_success(nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle)))
    return handle


def _require_success(status: int) -> None:
    if status != 0:
        raise OSError(f"NVML error {status}")
