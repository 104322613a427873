"""What the kernel says of the processors while engines run on them; Linux alone tells."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.runtime.processors import control_groups

_PROC: Final = Path("/proc")
_CPUS: Final = Path("/sys/devices/system/cpu")
_IDLE, _WAITING, _STEAL = 3, 4, 7
"""Places in a line of /proc/stat; the times of guests behind them are part of the first two."""
_COUNTED: Final = 8


@dataclass(frozen=True, slots=True)
class Ticks:
    """Time of some processors since the machine's start, in the kernel's ticks.

    Attributes:
        all: All of it.
        busy: What was used.
        steal: What they wanted and the hypervisor gave to others.
    """

    all: int
    busy: int
    steal: int


@dataclass(frozen=True, slots=True)
class Throttling:
    """How often a control group stopped this process because its quota was used up.

    Attributes:
        periods: Periods of the quota in which anything ran, a tenth of a second each as a rule.
        throttled: Those in which it was stopped.
    """

    periods: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Counters:
    """What was read between the start and the end of the rounds.

    Attributes:
        ticks: None where the kernel doesn't tell.
        own_ticks: Processor time of the bench and its engines.
        frequencies_mhz: The mean of the processors' frequencies at each look; empty where it isn't told.
        throttling: Of the control group that stopped most; None without a quota.
    """

    ticks: Ticks | None
    own_ticks: int
    frequencies_mhz: tuple[float, ...]
    throttling: Throttling | None = None


class Watch:
    """Reads the counters from its making until :meth:`finish`."""

    def __init__(self, cpus: Sequence[int], pids: Sequence[int], root: Path = Path("/")) -> None:
        """Begin.

        Args:
            cpus: The processors that count; empty for all.
            pids: Processes whose time isn't interference, beside this one.
            root: The root of the file system; another one in tests.
        """
        self._cpus, self._pids, self._proc = frozenset(cpus), (os.getpid(), *pids), root / "proc"
        self._groups = control_groups(root, "cpu")
        self._frequencies_mhz: list[float] = []
        self._ticks, self._own = self._read_ticks(), self._read_own()
        self._throttling = self._read_throttling()
        self._looked_s = 0.0

    def look(self) -> None:
        """Read the frequencies, twice a second at most: it takes some time itself."""
        if time.monotonic() - self._looked_s < 0.5:  # noqa: PLR2004 - see above
            return
        self._looked_s = time.monotonic()
        frequency_mhz = read_frequency_mhz(self._cpus)
        if frequency_mhz is not None:
            self._frequencies_mhz.append(frequency_mhz)

    def finish(self) -> Counters:
        """What happened since the beginning."""
        own = self._read_own()
        # An engine that died in between can't be asked any more: its time up to the start would count below zero.
        own_ticks = sum(own[pid] - self._own.get(pid, 0) for pid in own)
        before, after = self._ticks, self._read_ticks()
        ticks = None
        if before and after and after.all > before.all:
            ticks = Ticks(after.all - before.all, after.busy - before.busy, after.steal - before.steal)
        return Counters(ticks, own_ticks, tuple(self._frequencies_mhz), self._throttled_since())

    def _throttled_since(self) -> Throttling | None:
        since = [
            Throttling(after.periods - before.periods, after.throttled - before.throttled)
            for before, after in zip(self._throttling, self._read_throttling(), strict=True)
            if before and after
        ]
        return max(since, key=lambda one: one.throttled, default=None)

    def _read_throttling(self) -> list[Throttling | None]:
        return [parse_cpu_stat(_read(group.folder / "cpu.stat")) for group in self._groups]

    def _read_ticks(self) -> Ticks | None:
        return parse_stat(_read(self._proc / "stat"), self._cpus)

    def _read_own(self) -> dict[int, int]:
        own = {pid: parse_process_stat(_read(self._proc / str(pid) / "stat")) for pid in self._pids}
        return {pid: ticks for pid, ticks in own.items() if ticks is not None}


def parse_stat(text: str, cpus: frozenset[int]) -> Ticks | None:
    """The lines of some processors in ``/proc/stat``; of all if none is named, None if there are none.

    A kernel that only plays one (a sandbox's) leaves all of them at zero: that counts as not told.
    """
    found = [
        [int(field) for field in line.split()[1 : _COUNTED + 1]]
        for line in text.splitlines()
        if (match := re.match(r"cpu(\d+) ", line)) and (not cpus or int(match[1]) in cpus)
    ]
    fields = [sum(column) for column in zip(*found, strict=True)] if found else []
    if len(fields) < _COUNTED or sum(fields) == 0:
        return None
    return Ticks(sum(fields), sum(fields) - fields[_IDLE] - fields[_WAITING] - fields[_STEAL], fields[_STEAL])


def parse_cpu_stat(text: str) -> Throttling | None:
    """A control group's ``cpu.stat``, whose counts have the same names in both versions; None without a quota."""
    fields = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line)
    counts = [fields.get(name, "").strip() for name in ("nr_periods", "nr_throttled")]
    if not all(count.isdecimal() for count in counts):
        return None
    return Throttling(*map(int, counts))


def parse_process_stat(text: str) -> int | None:
    """Processor time of a process, in ticks, from its ``/proc/PID/stat``; None if it's gone."""
    # The name, in parentheses, may hold anything; fields 14 and 15 are the time in programs and in the kernel.
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else None  # noqa: PLR2004 - see above


def read_frequency_mhz(cpus: frozenset[int] = frozenset()) -> float | None:
    """The mean frequency of some processors, of all if none is named; None where it isn't told."""
    frequencies_mhz = []
    for file in _CPUS.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"):
        if not cpus or int(file.parts[-3].removeprefix("cpu")) in cpus:
            with contextlib.suppress(ValueError):
                frequencies_mhz.append(int(_read(file)) / 1e3)
    if not frequencies_mhz:
        listed = re.findall(r"^cpu MHz\s*:\s*([\d.]+)", _read(_PROC / "cpuinfo"), re.MULTILINE)
        frequencies_mhz = [float(value) for cpu, value in enumerate(listed) if not cpus or cpu in cpus]
    return sum(frequencies_mhz) / len(frequencies_mhz) if frequencies_mhz else None


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
