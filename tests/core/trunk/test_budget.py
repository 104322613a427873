"""How much disk the features may take: a table of cases, and real files that are removed."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from tlx.core.training.train import Machine
from tlx.core.trunk import budget
from tlx.core.trunk.budget import RESERVE_BYTES, Need, Plan, Room, make_room, plan_room
from tlx.errors import InputError, OutputError

GB = 10**9


@pytest.mark.parametrize(
    ("need", "room", "expected"),
    [
        # Everything fits.
        (Need(2 * GB, 5 * GB), Room(20 * GB, 0, 100 * GB), Plan(20 * GB)),
        # Less than everything fits into the limit: some views will be computed again, by the person's own choice.
        (Need(2 * GB, 50 * GB), Room(20 * GB, 0, 100 * GB), Plan(20 * GB)),
        # The disk holds less than the limit, but enough for all.
        (Need(2 * GB, 5 * GB), Room(20 * GB, 0, 10 * GB), Plan(8 * GB)),
        # It would be full, the reserve apart.
        (Need(2 * GB, 9 * GB), Room(20 * GB, 0, 10 * GB), Plan(8 * GB, fills_disk=True)),
        # What other trainings left can go.
        (Need(2 * GB, 9 * GB), Room(20 * GB, 3 * GB, 10 * GB), Plan(11 * GB)),
        # The limit is what binds, not the disk.
        (Need(2 * GB, 30 * GB), Room(6 * GB, 0, 10 * GB), Plan(6 * GB)),
        # On the edges.
        (Need(6 * GB, 30 * GB), Room(6 * GB, 0, 8 * GB), Plan(6 * GB)),
        (Need(6 * GB, 6 * GB), Room(20 * GB, 0, 6 * GB + RESERVE_BYTES), Plan(6 * GB)),
        # Nothing is free, but the cache has it all.
        (Need(5 * GB, 5 * GB), Room(20 * GB, 5 * GB, 0), Plan(5 * GB)),
    ],
)
def test_plan_room(need: Need, room: Room, expected: Plan) -> None:
    assert plan_room(need, room) == expected


@pytest.mark.parametrize(
    ("need", "room", "message"),
    [
        (
            Need(6 * GB, 9 * GB),
            Room(5 * GB, 0, 100 * GB),
            r"one epoch take 6\.0 GB, more than the 5\.0 GB of --cache-gb",
        ),
        (Need(6 * GB, 9 * GB), Room(20 * GB, 0, 7 * GB), r"one epoch take 6\.0 GB, and 7\.0 GB are free .* TLX_CACHE"),
        (Need(6 * GB + 1, 9 * GB), Room(20 * GB, 0, 6 * GB + RESERVE_BYTES), "are free on the cache's disk"),
    ],
)
def test_plan_room_refuses_what_can_not_work(need: Need, room: Room, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        plan_room(need, room)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 MB"), (99_900_000, "99.9 MB"), (10**8, "0.1 GB"), (2 * GB, "2.0 GB")]
)
def test_gigabytes(size: int, text: str) -> None:
    assert budget.gigabytes(size) == text


def shard(root: Path, name: str, *, used_s: float, size: int = 1000) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size - 100))
    path.with_suffix(".json").write_bytes(bytes(100))
    os.utime(path, (used_s + 50, used_s + 50))  # the array was written; only use counts
    os.utime(path.with_suffix(".json"), (used_s, used_s))
    return path


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    second, first, third = (
        shard(tmp_path, name, used_s=at) for name, at in (("a/1.npy", 200), ("b/2.npy", 100), ("a/3.npy", 300))
    )
    make_room(tmp_path, limit_bytes=3000, for_bytes=0)
    assert first.exists()
    make_room(tmp_path, limit_bytes=3000, for_bytes=1)
    assert not first.exists()
    assert not first.with_suffix(".json").exists()
    assert second.exists()
    make_room(tmp_path, limit_bytes=3000, for_bytes=2000)
    assert not second.exists()
    assert third.exists()
    assert third.with_suffix(".json").exists()


def test_what_is_kept_or_being_written_stays_whatever_the_limit(tmp_path: Path) -> None:
    kept, other = shard(tmp_path, "a/1.npy", used_s=100), shard(tmp_path, "a/2.npy", used_s=200)
    hidden = tmp_path / "a/.3.x.tmp.npy"
    hidden.write_bytes(bytes(5000))
    make_room(tmp_path, limit_bytes=0, for_bytes=1000, keep=[kept])
    assert kept.exists()
    assert hidden.exists()
    assert not other.exists()


def test_arrays_without_an_index_count_and_go(tmp_path: Path) -> None:
    orphan = shard(tmp_path, "a/1.npy", used_s=100)
    orphan.with_suffix(".json").unlink()
    make_room(tmp_path, limit_bytes=1000, for_bytes=101)
    assert not orphan.exists()


def test_what_a_killed_process_was_writing_goes_after_an_hour(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    names = (".1.x.tmp.npy", ".1.x.tmp.json")
    for name in names:
        (tmp_path / "a" / name).write_bytes(b"half")
    make_room(tmp_path, limit_bytes=GB, for_bytes=0)
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(names)
    for name in names:
        long_ago_s = (tmp_path / "a" / name).stat().st_mtime - 3601
        os.utime(tmp_path / "a" / name, (long_ago_s, long_ago_s))
    make_room(tmp_path, limit_bytes=GB, for_bytes=0)
    assert not list((tmp_path / "a").iterdir())


def test_measure_room_looks_at_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    empty = budget.measure_room(tmp_path / "cache" / "trunk", 1.5)
    assert empty.limit_bytes == 1_500_000_000
    assert empty.used_bytes == 0
    assert empty.free_bytes > 0
    shard(tmp_path / "cache" / "trunk", "a/1.npy", used_s=100)
    assert budget.measure_room(tmp_path / "cache" / "trunk", 1.5).used_bytes == 1000


@pytest.mark.parametrize("limit_gb", [0.0, -1.0, math.inf, math.nan])
def test_a_limit_that_is_none_is_refused_before_a_training_begins(limit_gb: float) -> None:
    with pytest.raises(InputError, match=f"--cache-gb {limit_gb:g}: expected a number above 0"):
        Machine(cache_gb=limit_gb)
