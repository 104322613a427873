"""How long networks take on this device before they are trained: the same graphs with random weights, in turns."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.trial_graph import build_trial
from tlx.progress import Progress, silent
from tlx.runtime.session import CPU_PROVIDER, create_engine

ROUNDS: Final = 7
_TURN_S: Final = 0.25
_FEWEST, _MOST = 4, 60


@dataclass(frozen=True, slots=True)
class Trial:
    """A network to time.

    Attributes:
        network: Its shape; the weights don't matter.
        int8: In eight bits, in the form of export's files, or in fp32.
    """

    network: PlainNetwork
    int8: bool


def time_trials(
    trials: Sequence[Trial], *, threads: int, rounds: int = ROUNDS, progress: Progress = silent
) -> list[float]:
    """Milliseconds of one picture on the CPU, for each trial the median over the rounds of :func:`time_rounds`."""
    rounds_ms = time_rounds(trials, threads=threads, rounds=rounds, progress=progress)
    return [statistics.median(of_one) for of_one in rounds_ms]


def time_rounds(
    trials: Sequence[Trial], *, threads: int, rounds: int = ROUNDS, progress: Progress = silent
) -> list[list[float]]:
    """Milliseconds of one picture on the CPU, for each trial the median of its turn in each of interleaved rounds.

    Each turn has a session of its own, so that no other one's threads are awake.

    Args:
        trials: What to time.
        threads: Processors for one operator.
        rounds: Turns of each.
        progress: Told of each round.
    """
    models = [build_trial(trial.network, trial.network.channels, int8=trial.int8) for trial in trials]
    times: list[list[float]] = [[] for _ in trials]
    for number in range(rounds):
        progress("timing networks", number, rounds)
        for place, (trial, model) in enumerate(zip(trials, models, strict=True)):
            times[place].append(_turn(model, trial.network.size_hw, threads))
    progress("timing networks", rounds, rounds)
    return times


def _turn(model: bytes, size_hw: tuple[int, int], threads: int) -> float:
    image = np.random.default_rng(0).integers(0, 256, (1, *size_hw, 3), np.uint8)
    session = create_engine(model, [CPU_PROVIDER], threads=threads)
    for _ in range(_FEWEST):
        started_s = time.perf_counter()
        session.run(None, {"image": image})
        call_s = time.perf_counter() - started_s
    calls_ms = []
    for _ in range(max(_FEWEST, min(_MOST, int(_TURN_S / call_s)))):
        started_s = time.perf_counter()
        session.run(None, {"image": image})
        calls_ms.append(1e3 * (time.perf_counter() - started_s))
    del session
    gc.collect()
    return statistics.median(calls_ms)
