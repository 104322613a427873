"""How many processors and how much memory this process may really use.

A container sees all cores of its host, and a thread pool of that size fights for the few that it was given:
slower than one thread (onnxruntime#29510). What counts is the scheduler's affinity mask and the limits of
the control groups, of this process's group and of every group around it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

_NO_LIMIT_BYTES: Final = 2**60
"""Version 1 writes a huge number where there is no limit on memory."""


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One folder of the control group file system that limits this process.

    Attributes:
        folder: Where its files are.
        version: 1 or 2.
    """

    folder: Path
    version: int


def usable_processors() -> int:
    """The number of processors that this process may keep busy, at least 1.

    A quota of one and a half processors counts as one: threads beyond the quota make the kernel stop the whole
    process for the rest of each tenth of a second.
    """
    return combine(affinity(), processor_quota())


def combine(processors: int, quota: float | None) -> int:
    """The affinity mask and the quota, whichever is less, as a whole number of at least 1."""
    return processors if quota is None else max(1, min(processors, math.floor(quota)))


def affinity() -> int:
    """The number of processors that the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_quota(root: Path = Path("/")) -> float | None:
    """The processor time per second that the control groups allow, in processors; None if they don't limit it.

    Args:
        root: The root of the file system; another one in tests.
    """
    quotas = []
    for group in control_groups(root, "cpu"):
        if group.version == 2:  # noqa: PLR2004 - the version's name
            quota = parse_cpu_max(_read(group.folder / "cpu.max"))
        else:
            quota = parse_cfs_quota(_read(group.folder / "cpu.cfs_quota_us"), _read(group.folder / "cpu.cfs_period_us"))
        if quota is not None:
            quotas.append(quota)
    return min(quotas, default=None)


def memory_limit_bytes(root: Path = Path("/")) -> int | None:
    """The memory that the control groups allow, in bytes; None if they don't limit it."""
    limits = []
    for group in control_groups(root, "memory"):
        name = "memory.max" if group.version == 2 else "memory.limit_in_bytes"  # noqa: PLR2004 - the version's name
        limit = parse_memory_limit(_read(group.folder / name))
        if limit is not None:
            limits.append(limit)
    return min(limits, default=None)


def machine_memory_bytes(root: Path = Path("/")) -> int | None:
    """The machine's memory in bytes, or None where the system doesn't tell."""
    for line in _read(root / "proc/meminfo").splitlines():
        key, _, value = line.partition(":")
        if key == "MemTotal" and value.split()[:1] and value.split()[0].isdigit():
            return int(value.split()[0]) * 1024
    return None


def parse_cpu_max(text: str) -> float | None:
    """Version 2's ``cpu.max``: ``max 100000`` or ``150000 100000`` (microseconds of each period)."""
    words = text.split()
    return _ratio(*words) if len(words) == 2 else None  # noqa: PLR2004 - quota and period


def parse_cfs_quota(quota_us: str, period_us: str) -> float | None:
    """Version 1's ``cpu.cfs_quota_us`` (``-1``: no limit) and ``cpu.cfs_period_us``."""
    return _ratio(quota_us.strip(), period_us.strip())


def parse_memory_limit(text: str) -> int | None:
    """``memory.max`` or ``memory.limit_in_bytes``: a number of bytes, or something that means no limit."""
    text = text.strip()
    return int(text) if text.isdecimal() and int(text) < _NO_LIMIT_BYTES else None


def control_groups(root: Path, controller: str) -> list[ControlGroup]:
    """The groups that limit this process for a controller: its own and those around it, the nearest first.

    Args:
        root: The root of the file system.
        controller: ``cpu`` or ``memory``.
    """
    paths = parse_own_groups(_read(root / "proc/self/cgroup"))
    groups: list[ControlGroup] = []
    for mount in parse_mounts(_read(root / "proc/self/mountinfo")):
        if mount.version == 1 and controller not in mount.controllers:
            continue
        own = paths.get(controller if mount.version == 1 else "")
        if own is None:
            continue
        base = root / mount.point.lstrip("/")
        inside = _inside_mount(own, mount)
        groups.extend(ControlGroup(base / folder, mount.version) for folder in (inside, *inside.parents))
    return groups


def parse_own_groups(text: str) -> dict[str, str]:
    """``/proc/self/cgroup``: the path for each controller of version 1, and under ``""`` that of version 2."""
    paths = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a control group file system is mounted.

    Attributes:
        group: The group that its top folder shows.
        point: The top folder.
        version: 1 or 2.
        controllers: What version 1 limits there; empty for version 2.
    """

    group: str
    point: str
    version: int
    controllers: frozenset[str] = frozenset()


def parse_mounts(text: str) -> Iterator[Mount]:
    """The control group file systems in ``/proc/self/mountinfo``."""
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if not separator or len(left) < 5 or len(right) < 3:  # noqa: PLR2004 - proc(5): five fields, three behind the dash
            continue
        group, point = left[3], left[4]
        if right[0] == "cgroup2":
            yield Mount(group, point, 2)
        elif right[0] == "cgroup":
            yield Mount(group, point, 1, frozenset(right[2].split(",")))


def _inside_mount(own: str, mount: Mount) -> PurePosixPath:
    # A container without a namespace of its own sees its host's path, but its mount begins at that path.
    path = PurePosixPath(own)
    if ".." in path.parts or not path.is_relative_to(mount.group):
        return PurePosixPath()
    return path.relative_to(mount.group)


def _ratio(quota: str, period: str) -> float | None:
    if not (quota.isdecimal() and period.isdecimal()) or int(quota) == 0 or int(period) == 0:
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return path.read_text()
    return ""
