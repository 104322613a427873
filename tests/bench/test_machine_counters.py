"""The kernel's counters: of files that are known, and of this machine with a real process that keeps it busy."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlx.bench.machine_counters import (
    Throttling,
    Ticks,
    Watch,
    parse_cpu_stat,
    parse_process_stat,
    parse_stat,
    read_frequency_mhz,
)

STAT = """cpu  300 20 60 900 40 0 12 50 9 0
cpu0 100 10 30 400 20 0 6 40 9 0
cpu1 200 10 30 500 20 0 6 10 0 0
intr 5
"""
LINUX = Path("/proc/stat").is_file()


def test_parse_stat_adds_up_the_processors_that_count() -> None:
    assert parse_stat(STAT, frozenset({0})) == Ticks(all=606, busy=146, steal=40)
    assert parse_stat(STAT, frozenset()) == Ticks(all=606 + 776, busy=146 + 246, steal=50)


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3\n", "cpu0 0 0 0 0 0 0 0 0 0 0\n", STAT.replace("cpu0", "gpu0")])
def test_parse_stat_is_none_where_the_kernel_does_not_tell(text: str) -> None:
    assert parse_stat(text, frozenset({0})) is None


def test_parse_process_stat_is_not_misled_by_names() -> None:
    assert parse_process_stat("7 (a) b (c) S 1 1 1 0 -1 4 98 0 0 0 25 17 0 0 20 0 1") == 42
    assert parse_process_stat("") is None


@pytest.mark.skipif(not LINUX, reason="only Linux tells")
def test_other_load_is_what_neither_the_bench_nor_its_engines_use() -> None:
    busy = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(busy) as ours, subprocess.Popen(busy) as others:
        try:
            watch = Watch((), [ours.pid])
            time.sleep(1.0)
            watch.look()
            counters = watch.finish()
        finally:
            ours.kill()
            others.kill()
    assert counters.ticks is not None
    assert 0 < counters.own_ticks < counters.ticks.all
    # At least a part of a processor, on however busy a machine.
    assert counters.ticks.busy - counters.own_ticks > 0.1 * counters.own_ticks


def test_an_engine_that_is_gone_takes_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "proc" / "99").mkdir(parents=True)
    (tmp_path / "proc" / "stat").write_text(STAT)
    (tmp_path / "proc" / "99" / "stat").write_text("99 (worker) S 1 1 1 0 -1 4 98 0 0 0 25 17 0 0 20 0 1")
    watch = Watch((0,), [99], root=tmp_path)
    (tmp_path / "proc" / "99" / "stat").unlink()
    (tmp_path / "proc" / "stat").write_text(STAT.replace("cpu0 100", "cpu0 150"))
    counters = watch.finish()
    assert counters.ticks == Ticks(all=50, busy=50, steal=0)
    assert counters.own_ticks == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("usage_usec 9\nnr_periods 40\nnr_throttled 3\nthrottled_usec 70000\n", Throttling(40, 3)),
        ("nr_periods 40\nnr_throttled 3\nthrottled_time 70000000\n", Throttling(40, 3)),
        # No quota, no count.
        ("usage_usec 9\nuser_usec 5\n", None),
        ("", None),
    ],
)
def test_parse_cpu_stat_of_both_versions(text: str, found: Throttling | None) -> None:
    assert parse_cpu_stat(text) == found


@pytest.mark.parametrize("version", [1, 2])
def test_throttling_is_that_of_the_group_that_stopped_most(tmp_path: Path, version: int) -> None:
    own, kind, options = ("0::/a/b", "cgroup2", "rw") if version == 2 else ("4:cpu:/a/b", "cgroup", "rw,cpu")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(f"{own}\n")
    (tmp_path / "proc" / "self" / "mountinfo").write_text(f"30 24 0:26 / /groups rw - {kind} {kind} {options}\n")
    inner = tmp_path / "groups" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "cpu.stat").write_text("nr_periods 100\nnr_throttled 7\n")
    (inner.parent / "cpu.stat").write_text("nr_periods 500\nnr_throttled 50\n")
    watch = Watch((), [], root=tmp_path)
    (inner / "cpu.stat").write_text("nr_periods 140\nnr_throttled 8\n")
    (inner.parent / "cpu.stat").write_text("nr_periods 540\nnr_throttled 60\n")
    assert watch.finish().throttling == Throttling(40, 10)


@pytest.mark.skipif(not LINUX, reason="only Linux tells")
def test_frequencies_are_plausible_or_none() -> None:
    frequency_mhz = read_frequency_mhz()
    assert frequency_mhz is None or 100 < frequency_mhz < 10_000
