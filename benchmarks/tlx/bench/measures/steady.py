"""Calls without a pause: the first minute against the rate that lasts, and the energy of a photo.

Processors and GPUs start on turbo clocks and slow down as they warm up, and rented ones may have credits for bursts.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tlx.bench.measures.messages import RunSteadily, SteadyRun
from tlx.runtime.energy import EnergyMeter
from tlx.runtime.timing.backends import Images


@dataclass(frozen=True, slots=True)
class Sustained:
    """Photos a second of an engine that runs without a pause.

    Attributes:
        first_minute: In the first minute.
        sustained: After it.
        seconds: How long it ran.
    """

    first_minute: float
    sustained: float
    seconds: float

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "first_minute_photos_per_s": round(self.first_minute, 3),
            "sustained_photos_per_s": round(self.sustained, 3),
            "seconds": round(self.seconds, 1),
        }


def run_steadily(
    infer: Callable[[Images], Any], batches: Sequence[Images], request: RunSteadily, meter: EnergyMeter
) -> SteadyRun:
    """Inside a worker: call the engine until the time is over.

    Args:
        infer: The engine.
        batches: What it gets, in turn.
        request: How long.
        meter: Read at both ends, and once a window so that no counter wraps unseen.
    """
    before = meter.read()
    windows: Counter[int] = Counter()
    calls, elapsed_s, started_s = 0, 0.0, time.perf_counter()
    while elapsed_s < request.seconds:
        batch = batches[calls % len(batches)]
        infer(batch)
        calls += 1
        elapsed_s = time.perf_counter() - started_s
        window = int(elapsed_s / request.window_s)
        if window not in windows:
            meter.read()
        windows[window] += len(batch)
    after = meter.read()
    # One call may be longer than a window.
    photos = [windows[number] for number in range(max(windows) + 1)]
    return SteadyRun(photos, elapsed_s, {source: after[source] - before[source] for source in after})


def judge_sustained(run: SteadyRun, window_s: float, first_s: float) -> Sustained | None:
    """The two rates of a run.

    Args:
        run: What went through.
        window_s: Length of its windows.
        first_s: How much counts as the first minute: a whole number of windows.

    Returns:
        None if nothing came after that.
    """
    first = round(first_s / window_s)
    later_s = run.elapsed_s - first_s
    if later_s <= 0:
        return None
    return Sustained(sum(run.photos[:first]) / first_s, sum(run.photos[first:]) / later_s, run.elapsed_s)
