"""How long one model file takes for a picture, on this device, in a process of its own."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.runtime.timing.model_setup import LOAD_TIMEOUT_S, Place, setup_of
from tlx.runtime.timing.order import reply_timeout_s
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Ready, Samples, Turn
from tlx.runtime.timing.statistics import Estimate, percentile

WARM_UP_CALLS: Final = 2
_ABOUT_MS: Final = 2000.0
_FEWEST, _MOST = 6, 100
"""Six calls are the fewest whose range holds the median with 95 %."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one ready-made picture, from the array to the probabilities.

    Attributes:
        p50_ms: The median with its 95 % interval, in milliseconds.
        calls: How many were timed.
        provider: Where it ran: ``cpu``, ``cuda``, ...
        threads: Processors for one operator.
    """

    p50_ms: Estimate
    calls: int
    provider: str
    threads: int


def measure_latency(model: Path, place: Place) -> Latency:
    """Time a file for about two seconds, and at least six calls.

    Raises:
        ModelFileError: If the file isn't one of tlx.
        DeviceError: If the device isn't available.
        EngineError: If the engine crashes or hangs.
    """
    setup = setup_of(model, place)
    with WorkerProcess(model.name, setup) as worker:
        ready = worker.receive(Ready, timeout_s=LOAD_TIMEOUT_S)
        call_ms = statistics.median(ready.warm_up_ms)
        calls = calls_within(call_ms)
        worker.send(Turn(first=0, warm_up=WARM_UP_CALLS, calls=calls))
        samples = worker.receive(Samples, timeout_s=reply_timeout_s(calls + WARM_UP_CALLS, call_ms))
    p50_ms = percentile([nanoseconds / 1e6 for nanoseconds in samples.latencies_ns], 0.5)
    assert p50_ms is not None
    return Latency(p50_ms, calls, ready.provider, setup.threads)


def calls_within(call_ms: float) -> int:
    """How many calls of this length are timed."""
    return max(_FEWEST, min(_MOST, int(_ABOUT_MS / max(call_ms, 1e-3))))
