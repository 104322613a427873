from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.runtime import processors

GIB = 2**30


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", None),
        ("150000 100000\n", 1.5),
        ("50000 100000", 0.5),
        ("400000 100000", 4.0),
        ("", None),
        ("max", None),
        ("0 100000", None),
        ("100000 0", None),
        ("garbage here", None),
    ],
)
def test_parse_cpu_max(text: str, expected: float | None) -> None:
    assert processors.parse_cpu_max(text) == expected


@pytest.mark.parametrize(
    ("quota_us", "period_us", "expected"),
    [("-1\n", "100000\n", None), ("200000\n", "100000\n", 2.0), ("25000", "100000", 0.25), ("", "", None)],
)
def test_parse_cfs_quota(quota_us: str, period_us: str, expected: float | None) -> None:
    assert processors.parse_cfs_quota(quota_us, period_us) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max\n", None), ("536870912\n", 536870912), ("9223372036854771712\n", None), ("", None), ("-1", None)],
)
def test_parse_memory_limit(text: str, expected: int | None) -> None:
    assert processors.parse_memory_limit(text) == expected


@pytest.mark.parametrize(
    ("count", "quota", "expected"),
    [(8, None, 8), (8, 2.0, 2), (8, 1.5, 1), (8, 0.25, 1), (2, 16.0, 2), (1, None, 1)],
)
def test_combine_takes_the_smaller_and_never_none(count: int, quota: float | None, expected: int) -> None:
    assert processors.combine(count, quota) == expected


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
)
DOCKER_V1_MOUNTS = (
    "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"
)


@pytest.mark.parametrize(
    ("files", "quota", "limit"),
    [
        pytest.param({}, None, None, id="no control groups"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/\n",
                "proc/self/mountinfo": V2_MOUNT,
                "sys/fs/cgroup/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/memory.max": f"{GIB}\n",
            },
            1.5,
            GIB,
            id="version 2 in a namespace",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/pod/container\n",
                "proc/self/mountinfo": V2_MOUNT,
                "sys/fs/cgroup/pod/cpu.max": "200000 100000\n",
                "sys/fs/cgroup/pod/container/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pod/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/pod/container/memory.max": f"{2 * GIB}\n",
            },
            2.0,
            2 * GIB,
            id="version 2, limited by a group around it",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/job\n1:cpu,cpuacct:/job\n0::/\n",
                "proc/self/mountinfo": V1_MOUNTS,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{3 * GIB}\n",
            },
            3.0,
            3 * GIB,
            id="version 1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n",
                "proc/self/mountinfo": DOCKER_V1_MOUNTS,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
            },
            0.5,
            GIB,
            id="version 1, the mount begins at the container's group",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/../../elsewhere\n",
                "proc/self/mountinfo": "garbage\n" + V2_MOUNT,
                "sys/fs/cgroup/cpu.max": "100000 100000\n",
            },
            1.0,
            None,
            id="a group outside of what is mounted",
        ),
    ],
)
def test_limits_are_read_from_the_groups_of_this_process(
    tmp_path: Path, files: dict[str, str], quota: float | None, limit: int | None
) -> None:
    write(tmp_path, files)
    assert processors.processor_quota(tmp_path) == quota
    assert processors.memory_limit_bytes(tmp_path) == limit


def test_machine_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    assert processors.machine_memory_bytes(tmp_path) is None
    write(tmp_path, {"proc/meminfo": "MemTotal:       16384 kB\nMemFree:        1 kB\n"})
    assert processors.machine_memory_bytes(tmp_path) == 16 * 2**20


def test_usable_processors_follows_a_real_affinity_mask() -> None:
    allowed = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{allowed}}});"
        "from tlx.runtime.processors import usable_processors; print(usable_processors())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "1\n"


def test_usable_processors_is_at_most_the_hosts_here() -> None:
    assert 1 <= processors.usable_processors() <= (os.cpu_count() or 1)
