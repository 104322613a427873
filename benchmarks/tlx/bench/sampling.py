"""The measurement itself: load all engines, compare their answers, then time them in interleaved rounds."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tlx.bench.plan import CALLS_PER_TURN, WARM_UP_PER_TURN, EngineSpec, Plan
from tlx.errors import DeviceError, EngineError
from tlx.progress import Progress, silent
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Answer, Answers, AnyMessage, Message, Ready, Samples, Turn

LOAD_TIMEOUT_S = 600.0
_WORKER = "tlx.bench.worker"


@dataclass(slots=True)
class EngineRecord:
    """What is known of one engine; grows while the bench runs.

    Attributes:
        name: Final once the engine has said where it runs.
        provider: Where it runs; empty until then.
        error: One line, if it failed; its figures don't count then.
        note: What the user should know about where it runs.
        call_ms: About how long a call takes, from the warm-up.
        probabilities: ``float32 [photos, classes]``.
        turns: The samples of each round, in order.
    """

    spec: EngineSpec
    name: str
    provider: str = ""
    error: str | None = None
    note: str | None = None
    call_ms: float = 0.0
    probabilities: npt.NDArray[np.float32] | None = None
    turns: list[Samples] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything that the rounds gave.

    Attributes:
        rounds: How many were completed.
        seconds: How long the whole bench took.
    """

    engines: tuple[EngineRecord, ...]
    rounds: int
    seconds: float


def measure(plan: Plan, progress: Progress = silent) -> Measurement:
    """Run a bench; its workers are gone when this returns or raises.

    An engine that fails is marked and left behind; the others go on.

    Raises:
        DeviceError: If the device asked for isn't available to an engine.
    """
    started_s = time.monotonic()
    records = tuple(EngineRecord(engine, engine.name(plan.placement.device)) for engine in plan.engines)
    with contextlib.ExitStack() as stack:
        # They load side by side: none keeps all processors busy while it does.
        lanes = [
            _Lane(record, stack.enter_context(WorkerProcess(record.name, plan.setup(record.spec), _WORKER)))
            for record in records
        ]
        _load(lanes, progress)
        _answer(lanes, plan, progress)
        rounds = _run_rounds(lanes, plan, started_s, progress)
    return Measurement(records, rounds, time.monotonic() - started_s)


@dataclass(frozen=True, slots=True)
class _Lane:
    record: EngineRecord
    worker: WorkerProcess

    def receive(self, reply_type: type[AnyMessage], timeout_s: float) -> AnyMessage | None:
        """The reply, or None if the engine has failed, now or before."""
        if self.record.error is not None:
            return None
        try:
            return self.worker.receive(reply_type, timeout_s=timeout_s)
        except EngineError as error:
            self.record.error = str(error)
            return None

    def ask(self, request: Message, reply_type: type[AnyMessage], calls: int) -> AnyMessage | None:
        """As :meth:`receive`, after a request that takes so many calls of the engine."""
        if self.record.error is None:
            self.worker.send(request)
        try:
            return self.receive(reply_type, reply_timeout_s(calls, self.record.call_ms))
        except DeviceError as error:
            # It loaded, so the device is there; it ran out of memory, for example.
            self.record.error = str(error)
            return None


def _load(lanes: Sequence[_Lane], progress: Progress) -> None:
    for done, lane in enumerate(lanes):
        progress("loading engines", done, len(lanes), lane.record.name)
        ready = lane.receive(Ready, LOAD_TIMEOUT_S)
        if ready:
            lane.record.provider = ready.provider
            lane.record.name = lane.worker.name = lane.record.spec.name(ready.provider)
            lane.record.note = ready.note
            lane.record.call_ms = statistics.median(ready.warm_up_ms)
    progress("loading engines", len(lanes), len(lanes))


def _answer(lanes: Sequence[_Lane], plan: Plan, progress: Progress) -> None:
    calls = -(-plan.workload.count // plan.workload.batch)
    for done, lane in enumerate(lanes):
        progress("comparing answers", done, len(lanes), lane.record.name)
        answers = lane.ask(Answer(), Answers, calls)
        if answers:
            lane.record.probabilities = np.asarray(answers.probabilities, dtype=np.float32)
    progress("comparing answers", len(lanes), len(lanes))


def _run_rounds(lanes: Sequence[_Lane], plan: Plan, started_s: float, progress: Progress) -> int:
    longest_s, done = 0.0, 0
    while may_start_round(done, time.monotonic() - started_s, longest_s, plan):
        progress("measuring rounds", done, plan.rounds)
        round_started_s = time.monotonic()
        for index in round_order(len(lanes), done, plan.seed):
            turn = Turn(first=done * CALLS_PER_TURN, warm_up=WARM_UP_PER_TURN, calls=CALLS_PER_TURN)
            samples = lanes[index].ask(turn, Samples, CALLS_PER_TURN + WARM_UP_PER_TURN)
            if samples:
                lanes[index].record.turns.append(samples)
        longest_s = max(longest_s, time.monotonic() - round_started_s)
        done += 1
        if all(lane.record.error for lane in lanes):
            break
    progress("measuring rounds", done, done)
    return done


def may_start_round(done: int, elapsed_s: float, longest_s: float, plan: Plan) -> bool:
    """Whether another round fits the bounds.

    Args:
        done: Rounds completed.
        elapsed_s: Time since the bench began.
        longest_s: The longest round so far.
        plan: It has the bounds.
    """
    if done == 0:
        return True
    return done < plan.rounds and elapsed_s + longest_s <= plan.max_seconds
