"""What LoadGen is asked for: one test of one scenario, as it goes to the worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tlx.runtime.timing.protocol import Message

Scenario = Literal["SingleStream", "MultiStream", "Offline", "Server"]
Mode = Literal["PerformanceOnly", "AccuracyOnly"]
SCENARIOS: Final[tuple[Scenario, ...]] = ("SingleStream", "MultiStream", "Offline", "Server")
DETAIL_LOG: Final = "mlperf_log_detail.txt"
ACCURACY_LOG: Final = "mlperf_log_accuracy.json"


@dataclass(frozen=True, slots=True)
class LoadgenTest(Message):
    """One test.

    Attributes:
        scenario: As MLPerf Inference defines them: one photo after the other (SingleStream), ``samples_per_query`` at a
            time (MultiStream), all at once (Offline), or as they happen to come, by a Poisson process (Server).
        mode: Times, or each photo's answer once.
        logs: Folder that exists, for LoadGen's own logs.
        min_seconds: The test takes at least so long.
        min_queries: And has at least so many queries (Offline: samples).
        samples_per_query: Of MultiStream.
        max_batch: Photos a call, at most; SingleStream always takes one.
        target_qps: Server: queries that come in a second; Offline: photos a second that are expected, from which
            LoadGen works out how many to send.
        expected_ms: How long a query takes at least, from which it does so in the other scenarios.
        target_latency_ms: Server: 99 % of the queries must be answered within this.
        seed: Of the order of photos and of the times at which they come.
    """

    scenario: Scenario
    mode: Mode
    logs: str
    min_seconds: float = 10.0
    min_queries: int = 64
    samples_per_query: int = 8
    max_batch: int = 1
    target_qps: float = 1.0
    target_latency_ms: float = 100.0
    expected_ms: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tested(Message):
    """The test has ended, and its logs are written."""
