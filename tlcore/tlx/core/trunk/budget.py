"""How much disk the features may take, and what goes first when they take more."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.errors import InputError, OutputError

DEFAULT_LIMIT_GB: Final = 20.0
RESERVE_BYTES: Final = 2_000_000_000
"""Left free for the run itself and for everybody else."""
INDEX_BYTES: Final = 128
"""What a row's name takes in an index, at most."""
_ABANDONED_S: Final = 3600.0
"""A hidden file that nobody wrote to for so long is what a killed process left."""


def require_limit(limit_gb: float) -> None:
    """Refuse a limit that is none.

    Raises:
        InputError: If it's no finite number above 0.
    """
    if not 0 < limit_gb < math.inf:
        raise InputError(f"--cache-gb {limit_gb:g}: expected a number above 0")


@dataclass(frozen=True, slots=True)
class Need:
    """What a training will write into the cache.

    Attributes:
        at_once_bytes: The most that has to be there at one time: the views of one epoch and of validation.
        total_bytes: All of it.
        present_bytes: What is there already, of ``total_bytes``.
    """

    at_once_bytes: int
    total_bytes: int
    present_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """What there is.

    Attributes:
        limit_bytes: What the cache may take in all.
        used_bytes: What it takes now, other trainings' features included (these can go).
        free_bytes: Of the disk.
    """

    limit_bytes: int
    used_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided before the first step.

    Attributes:
        limit_bytes: For the cache, this training included.
        fills_disk: Whether the need doesn't fit onto the disk beside the reserve, so that less is kept.
    """

    limit_bytes: int
    fills_disk: bool = False


def plan_room(need: Need, room: Room) -> Plan:
    """Decide how much the cache may take.

    Raises:
        OutputError: If not even one epoch's views fit into the limit or onto the disk.
    """
    if need.at_once_bytes > room.limit_bytes:
        raise OutputError(
            f"the features of one epoch take {gigabytes(need.at_once_bytes)}, more than the "
            f"{gigabytes(room.limit_bytes)} of --cache-gb: allow more"
        )
    reachable = max(0, room.free_bytes - RESERVE_BYTES) + room.used_bytes
    if need.at_once_bytes > reachable:
        raise OutputError(
            f"the features of one epoch take {gigabytes(need.at_once_bytes)}, and "
            f"{gigabytes(room.free_bytes)} are free on the cache's disk (2 GB stay free): make room, or set "
            "TLX_CACHE to a folder on another disk"
        )
    wanted = min(need.total_bytes, room.limit_bytes)
    return Plan(limit_bytes=min(room.limit_bytes, reachable), fills_disk=wanted > reachable)


def measure_room(root: Path, limit_gb: float) -> Room:
    """Look at the disk that holds ``root`` (or will)."""
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    used = sum(size for size, _ in _sizes(root))
    return Room(round(limit_gb * 1e9), used, shutil.disk_usage(existing).free)


def make_room(root: Path, *, limit_bytes: int, for_bytes: int, keep: Iterable[Path] = ()) -> None:
    """Remove the least recently used shards until ``for_bytes`` more fit into the limit, and what was abandoned.

    Args:
        root: Holds the folders of all features.
        limit_bytes: For all of them.
        for_bytes: What will be added.
        keep: Array files that must stay.
    """
    _remove_abandoned(root)
    kept = set(keep)
    sizes = _sizes(root)
    used = sum(size for size, _ in sizes)
    removable = [(_last_use(path), size, path) for size, path in sizes if path not in kept]
    for _, size, path in sorted(removable):
        if used + for_bytes <= limit_bytes:
            return
        # The index first: without it nobody looks for the array.
        with contextlib.suppress(OSError):
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink()
            used -= size


def gigabytes(size_bytes: int) -> str:
    """As people read it."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"  # noqa: PLR2004


def _sizes(root: Path) -> list[tuple[int, Path]]:
    """The array files, each with what it and its index take."""
    sizes = []
    for path in root.glob("*/*.npy"):
        # A hidden one is being written.
        if not path.name.startswith("."):
            with contextlib.suppress(OSError):
                size = path.stat().st_size
                with contextlib.suppress(OSError):
                    size += path.with_suffix(".json").stat().st_size
                sizes.append((size, path))
    return sizes


def _remove_abandoned(root: Path) -> None:
    for path in root.glob("*/.*.tmp.*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def _last_use(path: Path) -> float:
    for candidate in (path.with_suffix(".json"), path):
        with contextlib.suppress(OSError):
            return candidate.stat().st_mtime
    return 0.0
