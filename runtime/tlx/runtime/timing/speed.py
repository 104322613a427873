"""Whether one model file is faster than another on this device, measured in interleaved rounds.

Each file has a process of its own, on the same processors and with as many threads; the one whose turn it isn't waits
on a pipe, its threads at rest. What slows the machine down for a while slows both in the same round, and cancels in
their ratio.

Whoever looks at an interval again and again until it pleases is wrong more often than the interval says. So the looks
are planned, at most three of them, and each interval is made wider (Bonferroni) so that together they hold 95 %.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tlx.errors import EngineError
from tlx.progress import Progress, silent
from tlx.runtime.timing.model_setup import ANYWHERE, LOAD_TIMEOUT_S, Place, setup_of
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Ready, Samples, Turn
from tlx.runtime.timing.statistics import CONFIDENCE, Estimate, needed_samples, paired_ratio

LOOKS: Final = (14, 28, 56)
"""After how many rounds the interval is looked at. From 14 rounds on it lies inside of the two worst of each side."""
LOOK_CONFIDENCE: Final = 1 - (1 - CONFIDENCE) / len(LOOKS)
FEWEST_ROUNDS: Final = needed_samples(0.5, LOOK_CONFIDENCE)
MINIMUM_RATIO: Final = 1.1
TIME_LIMIT_S: Final = 45.0
_SEED: Final = 0
_ABOUT_TURN_MS: Final = 500.0
_FEWEST_CALLS, _MOST_CALLS = 2, 6


@dataclass(frozen=True, slots=True)
class SpeedPlan:
    """How two files are compared.

    Attributes:
        minimum_ratio: The question: is the second one this many times as fast?
        time_limit_s: No round begins that would end later, in seconds from the start; the first
            :data:`FEWEST_ROUNDS` always run.
    """

    place: Place = ANYWHERE
    minimum_ratio: float = MINIMUM_RATIO
    time_limit_s: float = TIME_LIMIT_S


@dataclass(frozen=True, slots=True)
class SpeedRounds:
    """What the rounds gave.

    Attributes:
        reference_ms: The first file's median time of a call in each round, in milliseconds.
        candidate_ms: The second file's, in the same rounds.
        device: Where both ran: ``cpu``, ``cuda``, ...
        threads: Processors for one operator.

    Raises:
        ValueError: If the rounds don't match, are fewer than :data:`FEWEST_ROUNDS`, or hold what is no time.
    """

    reference_ms: tuple[float, ...]
    candidate_ms: tuple[float, ...]
    device: str
    threads: int

    def __post_init__(self) -> None:
        if len(self.reference_ms) != len(self.candidate_ms):
            raise ValueError(
                f"expected as many rounds of both, got {len(self.reference_ms)} and {len(self.candidate_ms)}"
            )
        if len(self.reference_ms) < FEWEST_ROUNDS:
            raise ValueError(f"expected at least {FEWEST_ROUNDS} rounds, got {len(self.reference_ms)}")
        times_ms = np.array([self.reference_ms, self.candidate_ms])
        if not (np.isfinite(times_ms) & (times_ms > 0)).all():
            raise ValueError("expected times above 0, got some that are not")


def measure_speed(
    reference: Path, candidate: Path, plan: SpeedPlan | None = None, *, progress: Progress = silent
) -> SpeedRounds:
    """Time two files in turns until it is clear whether the second is faster by the plan's ratio, or time is up.

    Raises:
        ModelFileError: If one of them isn't a file of tlx.
        DeviceError: If the device isn't available.
        EngineError: If an engine crashes, hangs, or runs elsewhere than the other.
    """
    plan = plan or SpeedPlan()
    started_s = time.monotonic()
    setups = [setup_of(model, plan.place) for model in (reference, candidate)]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(WorkerProcess(path.name, setup))
            for path, setup in zip((reference, candidate), setups, strict=True)
        ]
        engines = [worker.receive(Ready, timeout_s=LOAD_TIMEOUT_S) for worker in workers]
        if engines[0].provider != engines[1].provider:
            raise EngineError(
                f"{reference.name} runs on {engines[0].provider} and {candidate.name} on {engines[1].provider}: "
                "name one with --device"
            )
        call_ms = [statistics.median(engine.warm_up_ms) for engine in engines]
        turns = [_Turns(worker, ms, calls_in_turn(max(call_ms))) for worker, ms in zip(workers, call_ms, strict=True)]
        _run_rounds(turns, plan, lambda: time.monotonic() - started_s, progress)
    reference_ms, candidate_ms = (tuple(turn.medians_ms) for turn in turns)
    return SpeedRounds(reference_ms, candidate_ms, engines[0].provider, setups[0].threads)


def speed_ratio(reference_ms: Sequence[float], candidate_ms: Sequence[float]) -> Estimate:
    """How many times as fast the second file is: the median over the rounds and its interval.

    The interval is that of the sign test: a pair of order statistics of the ratios, whose ranks come from the binomial
    distribution, so that no shape is assumed and outliers have no say. Its confidence is :data:`LOOK_CONFIDENCE`.
    """
    return paired_ratio(reference_ms, candidate_ms, LOOK_CONFIDENCE)


def is_decided(ratio: Estimate, minimum_ratio: float) -> bool:
    """Whether the whole interval lies on one side."""
    assert ratio.low is not None
    assert ratio.high is not None
    return ratio.low >= minimum_ratio or ratio.high < minimum_ratio


def may_end(rounds: int, *, decided: Callable[[], bool], seconds_left: float) -> bool:
    """Whether the measurement ends after so many rounds.

    Args:
        rounds: Completed.
        decided: Looks at the interval; asked at the planned looks only.
        seconds_left: Until the limit, once another round has run.
    """
    if rounds < FEWEST_ROUNDS:
        return False
    return rounds >= LOOKS[-1] or seconds_left < 0 or (rounds in LOOKS and decided())


def calls_in_turn(call_ms: float) -> int:
    """How many calls one turn times: fewer where they take long, so that there can be rounds enough."""
    return max(_FEWEST_CALLS, min(_MOST_CALLS, int(_ABOUT_TURN_MS / max(call_ms, 1e-3))))


class _Turns:
    def __init__(self, worker: WorkerProcess, call_ms: float, calls: int) -> None:
        self.medians_ms: list[float] = []
        self._worker, self._call_ms, self._calls = worker, call_ms, calls

    def take(self) -> None:
        warm_up = self._calls // 3 or 1
        self._worker.send(Turn(first=len(self.medians_ms) * self._calls, warm_up=warm_up, calls=self._calls))
        timeout_s = reply_timeout_s(self._calls + warm_up, self._call_ms)
        samples = self._worker.receive(Samples, timeout_s=timeout_s)
        self.medians_ms.append(statistics.median(samples.latencies_ns) / 1e6)


def _run_rounds(turns: Sequence[_Turns], plan: SpeedPlan, elapsed_s: Callable[[], float], progress: Progress) -> None:
    def decided() -> bool:
        ratio = speed_ratio(turns[0].medians_ms, turns[1].medians_ms)
        return is_decided(ratio, plan.minimum_ratio)

    done, longest_s = 0, 0.0
    stage = "speed: rounds"
    while not may_end(done, decided=decided, seconds_left=plan.time_limit_s - elapsed_s() - longest_s):
        progress(stage, done, LOOKS[-1])
        before_s = elapsed_s()
        for place in round_order(len(turns), done, _SEED):
            turns[place].take()
        longest_s = max(longest_s, elapsed_s() - before_s)
        done += 1
    progress(stage, done, done)
