"""Engines of several environments in interleaved rounds: one has its turn, the others wait on their pipes, at rest."""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.bench.agreement import coarser
from tlx.bench.plan import WARM_UP_PER_TURN, EnginePrecision, calls_in_turn, warm_up_in_turn
from tlx.bench.sampling import LOAD_TIMEOUT_S
from tlx.errors import EngineError
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import EDGE_WORKER, Interpreter, WorkerProcess
from tlx.runtime.timing.protocol import Answer, Answers, AnyMessage, Message, Ready, Samples, Setup, Turn

WARM_UP_CALLS: Final = 6
STABLE_WITHIN: Final = 0.05
MOST_WARM_UP_TURNS: Final = 10
PEER_WORKER: Final = "peers.worker"


@dataclass(slots=True)
class Contender:
    """One engine; grows while it's measured.

    Attributes:
        setup: What its worker loads.
        peer: Of the catalog; ``tlx`` for our own.
        interpreter: None for this environment's.
        module: What the interpreter runs.
        precision: What it computes in: its file's, or a coarser one that the loaded engine tells.
        error: One line, if it failed.
        note: What its worker or the catalog says of it.
        probabilities: ``float32 [photos, classes]``.
        turns: Of each round in which it could take part.
    """

    name: str
    setup: Setup
    peer: str = "tlx"
    interpreter: Interpreter | None = None
    module: str = PEER_WORKER
    precision: EnginePrecision = "fp32"
    error: str | None = None
    note: str | None = None
    call_ms: float = 0.0
    probabilities: npt.NDArray[np.float32] | None = None
    turns: list[Samples] = field(default_factory=list)

    def start(self) -> WorkerProcess:
        """Start its worker."""
        module = EDGE_WORKER if self.interpreter is None else self.module
        return WorkerProcess(
            self.name, self.setup, module, interpreter=self.interpreter or Interpreter(Path(sys.executable))
        )

    @property
    def medians_ms(self) -> list[float]:
        """The median call of each round."""
        return [statistics.median(turn.latencies_ns) / 1e6 for turn in self.turns]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long it goes on.

    Attributes:
        rounds: At most so many.
        max_seconds: No round begins that would end later, counted from the first one.
        seed: Decides the order in each round.
    """

    rounds: int
    max_seconds: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Lane:
    contender: Contender
    worker: WorkerProcess

    def receive(self, reply_type: type[AnyMessage], timeout_s: float) -> AnyMessage | None:
        try:
            return self.worker.receive(reply_type, timeout_s=timeout_s)
        except EngineError as error:
            self.contender.error = str(error)
            return None

    def ask(self, request: Message, reply_type: type[AnyMessage], calls: int) -> AnyMessage | None:
        """The reply to a request of so many calls; None if the engine has failed, now or before."""
        if self.contender.error is not None:
            return None
        self.worker.send(request)
        return self.receive(reply_type, reply_timeout_s(calls, self.contender.call_ms))


def run_rounds(contenders: Sequence[Contender], bounds: Bounds, tell: Callable[[str], None]) -> int:
    """Load all, ask for their answers, warm them up, and time them; gives the number of rounds.

    One that fails is marked, and the others go on.
    """
    with contextlib.ExitStack() as stack:
        lanes = []
        for contender in contenders:
            # One after the other: some take gigabytes while they load.
            tell(f"loading {contender.name}")
            lane = _Lane(contender, stack.enter_context(contender.start()))
            if ready := lane.receive(Ready, LOAD_TIMEOUT_S):
                contender.call_ms = statistics.median(ready.warm_up_ms)
                contender.precision = coarser(contender.precision, ready.precision)
                contender.note = "; ".join(filter(None, (contender.note, ready.note))) or None
            lanes.append(lane)
        for lane in lanes:
            photos = len(lane.contender.setup.photos) or lane.contender.setup.synthetic
            if answers := lane.ask(Answer(), Answers, photos):
                lane.contender.probabilities = np.array(answers.probabilities, np.float32)
            _warm_up(lane)
        tell("measuring")
        return _measure(lanes, bounds)


def _warm_up(lane: _Lane) -> None:
    """Untimed turns until two in a row are alike, or it's clear that they won't be."""
    before_ms = 0.0
    for _ in range(MOST_WARM_UP_TURNS):
        samples = lane.ask(Turn(0, WARM_UP_PER_TURN, WARM_UP_CALLS), Samples, WARM_UP_CALLS + WARM_UP_PER_TURN)
        if samples is None:
            return
        now_ms = statistics.median(samples.latencies_ns) / 1e6
        lane.contender.call_ms = now_ms
        if abs(now_ms - before_ms) <= STABLE_WITHIN * now_ms:
            return
        before_ms = now_ms


def _measure(lanes: Sequence[_Lane], bounds: Bounds) -> int:
    calls = [calls_in_turn(lane.contender.call_ms) for lane in lanes]
    started_s, longest_s, done = time.monotonic(), 0.0, 0
    while done == 0 or (done < bounds.rounds and time.monotonic() - started_s + longest_s <= bounds.max_seconds):
        round_started_s = time.monotonic()
        for place in round_order(len(lanes), done, bounds.seed):
            timed = calls[place]
            turn = Turn(first=done * timed, warm_up=warm_up_in_turn(timed), calls=timed)
            samples = lanes[place].ask(turn, Samples, turn.warm_up + timed)
            if samples:
                lanes[place].contender.turns.append(samples)
        longest_s = max(longest_s, time.monotonic() - round_started_s)
        done += 1
    return done
