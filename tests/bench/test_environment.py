from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.test_nvml import build_nvml

from tlx.bench.environment import describe_machine
from tlx.bench.plan import EngineSpec, Plan, Workload
from tlx.runtime.timing.protocol import ONNX_KIND

SPECS = tuple(EngineSpec(kind, Path("model"), (8, 6)) for kind in (ONNX_KIND, "keras.call"))
PLAN = Plan(SPECS, Workload((), 1, 2), rounds=1, max_seconds=1.0)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_this_machine_is_described() -> None:
    machine = describe_machine(PLAN)
    assert machine.processor
    assert machine.host_cores
    assert machine.versions["numpy"]
    assert machine.device == "cpu"
    assert machine.pinned_to_cpus is not None
    assert len(machine.pinned_to_cpus) == 1
    assert machine.tensorflow_threads == {"intra_op": 1, "inter_op": 1}
    assert machine.keras_versions is None
    assert describe_machine(PLAN, {"keras": "3.15.0"}).keras_versions == {"keras": "3.15.0"}


def test_what_the_system_does_not_tell_is_null(tmp_path: Path) -> None:
    machine = describe_machine(PLAN, root=tmp_path)
    assert machine.governor is None
    assert machine.turbo is None
    assert machine.threads_per_core is None
    assert machine.memory_bytes is None
    assert machine.container.cpu_quota is None
    assert machine.container.memory_limit_bytes is None


def test_gpus_are_named_where_their_library_tells(tmp_path: Path) -> None:
    machine = describe_machine(PLAN, nvml_library=build_nvml(tmp_path))
    assert (machine.gpus, machine.gpu_driver) == (["GPU number 0", "GPU number 1"], "580.1")
    machine = describe_machine(PLAN, nvml_library="libabsent-for-the-tests.so")
    assert (machine.gpus, machine.gpu_driver) == (None, None)


@pytest.mark.parametrize(("siblings", "threads"), [("0", 1), ("0-1", 2), ("0,8", 2), ("0-3", 4)])
def test_clock_and_cores_come_from_the_system(tmp_path: Path, siblings: str, threads: int) -> None:
    cpu = "sys/devices/system/cpu"
    files = {
        f"{cpu}/cpu0/cpufreq/scaling_governor": "performance\n",
        f"{cpu}/cpu0/topology/thread_siblings_list": f"{siblings}\n",
        f"{cpu}/intel_pstate/no_turbo": "1\n",
    }
    machine = describe_machine(PLAN, root=write(tmp_path, files))
    assert (machine.governor, machine.turbo, machine.threads_per_core) == ("performance", False, threads)


def test_limits_of_a_container_are_told(tmp_path: Path) -> None:
    group = "sys/fs/cgroup"
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": f"30 1 0:26 / /{group} rw - cgroup2 cgroup2 rw\n",
        "proc/meminfo": "MemTotal:       16000000 kB\n",
        f"{group}/cpu.max": "150000 100000\n",
        f"{group}/memory.max": "8000000000\n",
    }
    machine = describe_machine(PLAN, root=write(tmp_path, files))
    assert machine.container.cpu_quota == 1.5
    assert machine.container.memory_limit_bytes == 8_000_000_000
    assert machine.memory_bytes == 16_384_000_000
