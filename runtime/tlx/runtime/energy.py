"""Energy that the machine's own counters tell: RAPL's for processors, NVML's for NVIDIA GPUs.

Both count the whole machine, whoever works on it. Linux shows RAPL's counters to root alone unless somebody allows
more, and most virtual machines have none, so often nothing is known. NVML's were read from an H200. RAPL's are
unverified on real processors: no machine at hand showed them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tlx.runtime import nvml

POWERCAP: Final = Path("/sys/class/powercap")
_TOP_LEVEL: Final = re.compile(r"intel-rapl:\d+")

ReadCounter = Callable[[], int]
"""Gives a counter's value, or raises OSError or ValueError."""


class EnergyMeter:
    """Joules since it was made, summed up by source: ``cpu`` (all processor packages) and ``gpu`` (all GPUs).

    Cores, graphics and memory of a package are left out: the first two are counted in the package already, and the
    memory's share is known on few machines. RAPL's counters start again at zero after some ten minutes to some hours
    of full load, so :meth:`read` must be called at least each few minutes for nothing to be lost.

    A source with a counter that can't be read is unknown as a whole, from then on, since a part would pass for all.
    """

    def __init__(self, powercap: Path = POWERCAP, nvml_library: str = nvml.LIBRARY) -> None:
        self._lock = threading.Lock()
        self._sources = {
            source: counters
            for source, counters in (("cpu", _package_counters(powercap)), ("gpu", _gpu_counters(nvml_library)))
            if counters
        }

    @property
    def sources(self) -> tuple[str, ...]:
        """Those of which something is known so far."""
        return tuple(self._sources)

    def read(self) -> dict[str, float]:
        """Joules since the meter was made, for each of :attr:`sources`; from any thread."""
        with self._lock:
            for source, counters in list(self._sources.items()):
                if not all(counter.advance() for counter in counters):
                    del self._sources[source]
            return {source: sum(one.joules for one in counters) for source, counters in self._sources.items()}


def counted(before: int, after: int, limit: int | None) -> int | None:
    """How far a counter went from one reading to the next.

    Args:
        before: The earlier reading.
        after: The later one.
        limit: The value after which it starts again at zero; None if it never should.

    Returns:
        Its own units, or None where the readings make no sense.
    """
    if after >= before:
        return after - before
    return after + limit - before if limit is not None and before <= limit else None


class _Counter:
    """One counter of energy, added up over its wraps."""

    def __init__(self, read: ReadCounter, joules_per_count: float, limit: int | None) -> None:
        self._read, self._limit, self._joules_per_count = read, limit, joules_per_count
        self._last = read()
        self._total = 0

    @property
    def joules(self) -> float:
        return self._total * self._joules_per_count

    def advance(self) -> bool:
        """Take a reading; False if there is none to be had."""
        try:
            now = self._read()
        except (OSError, ValueError):
            return False
        step = counted(self._last, now, self._limit)
        if step is None:
            return False
        self._last, self._total = now, self._total + step
        return True


def _package_counters(powercap: Path) -> list[_Counter]:
    """RAPL's counters of all processor packages; none if one of them can't be read."""
    try:
        zones = sorted(zone for zone in powercap.iterdir() if _TOP_LEVEL.fullmatch(zone.name))
        # "psys", a top-level zone of laptops, counts the packages once more.
        packages = [zone for zone in zones if (zone / "name").read_text().startswith("package")]
        return [
            _Counter(partial(_read_integer, zone / "energy_uj"), 1e-6, _read_integer(zone / "max_energy_range_uj"))
            for zone in packages
        ]
    except (OSError, ValueError):
        return []


def _read_integer(path: Path) -> int:
    return int(path.read_text())


def _gpu_counters(library: str) -> list[_Counter]:
    """NVML's counters of all GPUs; none if one of them can't be read."""
    try:
        return [_Counter(gpu.energy_millijoules, 1e-3, None) for gpu in nvml.find_gpus(library)]
    except (OSError, AttributeError):
        return []
