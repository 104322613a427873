"""Time and energy of the stages of a work, added up over interruptions."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tlx.runtime.energy import EnergyMeter

SAMPLING_S: Final = 30.0
"""Time between two readings of the energy counters, so that none can wrap twice unseen."""


class Stopwatch:
    """Seconds and, where the machine tells, joules of each stage.

    A stage may be entered many times, also while another one runs, which then counts the same time too. An earlier
    stopwatch's :attr:`seconds` and :attr:`joules` as ``earlier_…`` let a resumed work go on counting.

    The joules of a stage are known only if they were for all of its time. They are those of the whole machine, idle
    power and other people's work included.
    """

    def __init__(
        self,
        meter: EnergyMeter | None = None,
        *,
        earlier_seconds: Mapping[str, float] | None = None,
        earlier_joules: Mapping[str, Mapping[str, float]] | None = None,
        sampling_s: float = SAMPLING_S,
    ) -> None:
        self._meter = meter or EnergyMeter()
        self._seconds = dict(earlier_seconds or {})
        self._joules = {stage: dict(by_source) for stage, by_source in (earlier_joules or {}).items()}
        self._sampling_s = sampling_s
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._settled_s = time.monotonic()
        self._settled_joules = self._meter.read()

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each stage, those that run now included; hundredths are the finest told."""
        with self._lock:
            self._settle()
            return {stage: round(seconds, 2) for stage, seconds in self._seconds.items()}

    @property
    def joules(self) -> dict[str, dict[str, float]]:
        """Joules of each stage by source (``cpu``, ``gpu``), as far as they are known; tenths are the finest told."""
        with self._lock:
            self._settle()
            return {
                stage: {source: round(joules, 1) for source, joules in by_source.items()}
                for stage, by_source in self._joules.items()
                if by_source
            }

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count the time and energy of the block as the stage's, however it ends."""
        with self._lock:
            self._settle()
            self._open[stage] += 1
            if stage not in self._seconds:
                self._seconds[stage] = 0.0
                self._joules[stage] = dict.fromkeys(self._settled_joules, 0.0)
        try:
            with self._sampling():
                yield
        finally:
            with self._lock:
                self._settle()
                self._open[stage] -= 1

    def _settle(self) -> None:
        """Give what was used since the last time to the stages that are running."""
        now_s, joules = time.monotonic(), self._meter.read()
        for stage in +self._open:
            self._seconds[stage] += now_s - self._settled_s
            self._joules[stage] = {
                source: earlier + joules[source] - self._settled_joules[source]
                for source, earlier in self._joules.get(stage, {}).items()
                if source in joules
            }
        self._settled_s, self._settled_joules = now_s, joules

    @contextmanager
    def _sampling(self) -> Iterator[None]:
        if not self._meter.sources:
            yield
            return
        done = threading.Event()

        def sample() -> None:
            while not done.wait(self._sampling_s):
                with self._lock:
                    self._settle()

        sampler = threading.Thread(target=sample, name="energy", daemon=True)
        sampler.start()
        try:
            yield
        finally:
            done.set()
            sampler.join()
