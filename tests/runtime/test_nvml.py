"""A real library with NVML's functions, built for the test: two GPUs and the processes on them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tlx.runtime.nvml import Described, describe_gpus, find_gpus, process_memory_bytes

NVML = """
#include <stdio.h>
typedef struct { unsigned int pid; unsigned long long used; unsigned int gpu, compute; } process;
static process processes[2][2] = {{{10, 1000, 0, 0}, {11, 500, 0, 0}}, {{10, 234, 0, 0}, {12, ~0ULL, 0, 0}}};
static int gpus[2] = {0, 1};
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = &gpus[index]; return 0; }
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    snprintf(name, length, "GPU number %d", *(int *)device);
    return NAME;
}
int nvmlSystemGetDriverVersion(char *version, unsigned int length) { return snprintf(version, length, "580.1") < 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *energy) {
    *energy = 5000000000000ULL + *(int *)device;
    return ENERGY;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process *found) {
    if (EMPTY) { *count = 0; return 0; }
    if (*count < 2) { *count = 2; return 7; }
    *count = 2;
    for (int i = 0; i < 2; i++) found[i] = processes[*(int *)device][i];
    return 0;
}
"""


def build_nvml(folder: Path, **answers: int) -> str:
    """The library; ``answers`` are what some functions return, 0 if left out."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    (folder / "nvml.c").write_text(NVML)
    options = [f"-D{name}={answers.get(name.lower(), 0)}" for name in ("INIT", "ENERGY", "EMPTY", "NAME")]
    subprocess.run([compiler, *options, "-shared", "-fPIC", "-o", folder / "nvml.so", folder / "nvml.c"], check=True)
    return str(folder / "nvml.so")


def test_energy_of_each_gpu(tmp_path: Path) -> None:
    assert [gpu.energy_millijoules() for gpu in find_gpus(build_nvml(tmp_path))] == [
        5_000_000_000_000,
        5_000_000_000_001,
    ]


def test_gpus_and_their_driver_are_named_or_unknown_as_a_whole(tmp_path: Path) -> None:
    assert describe_gpus(build_nvml(tmp_path)) == Described(("GPU number 0", "GPU number 1"), "580.1")
    (tmp_path / "refusing").mkdir()
    assert describe_gpus(build_nvml(tmp_path / "refusing", name=3)) is None
    assert describe_gpus("libabsent-for-the-tests.so") is None
    assert describe_gpus("libc.so.6") is None


@pytest.mark.parametrize(
    ("pid", "expected"),
    [
        (10, 1234),  # on both GPUs
        (11, 500),
        (12, None),  # a driver that doesn't know the amount
        (99, None),  # nobody's
    ],
)
def test_memory_of_a_process_is_added_up_over_gpus(tmp_path: Path, pid: int, expected: int | None) -> None:
    assert process_memory_bytes(pid, build_nvml(tmp_path)) == expected


def test_gpus_without_processes_know_none(tmp_path: Path) -> None:
    assert process_memory_bytes(10, build_nvml(tmp_path, empty=1)) is None


@pytest.mark.parametrize("library", ["libabsent-for-the-tests.so", "libc.so.6"])
def test_no_library_is_an_error(library: str) -> None:
    with pytest.raises(OSError, match=r"absent|nvmlInit"):
        find_gpus(library)
    with pytest.raises(OSError, match=r"absent|nvmlInit"):
        process_memory_bytes(10, library)


def test_a_library_that_refuses_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="NVML error 9"):
        find_gpus(build_nvml(tmp_path, init=9))
