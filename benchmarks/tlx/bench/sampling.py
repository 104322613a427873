"""The measurement itself: load all engines, warm them up, time them in interleaved rounds, ask for their answers.

The answers are those of the turns; only photos that no turn has come to are classified for them alone.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tlx.bench.interference import Interference, judge_interference
from tlx.bench.machine_counters import Watch
from tlx.bench.plan import EngineSpec, Plan, calls_in_turn, warm_up_in_turn
from tlx.bench.starting import starter_for
from tlx.bench.stopping import LOOK_CONFIDENCE, is_look, is_narrow
from tlx.bench.warm_up import WarmUp, is_stable, longest_s, window_calls
from tlx.errors import DeviceError, EngineError
from tlx.progress import Progress, silent
from tlx.runtime.processors import usable_processors
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Answer, Answers, AnyMessage, Message, Ready, Samples, Turn
from tlx.runtime.timing.statistics import CONFIDENCE

LOAD_TIMEOUT_S: Final = 600.0
LOAD_AT_ONCE: Final = 4
"""Engines that load side by side, or as many as there are processors: none keeps all processors busy while it does."""
_WORKER: Final = "tlx.bench.worker"

Ended = Literal["margin", "rounds", "seconds", "failures"]


@dataclass(slots=True)
class EngineRecord:
    """What is known of one engine; grows while the bench runs.

    Attributes:
        name: Final once the engine has said where it runs.
        row: The name, and what else tells it from the others; see :meth:`tlx.bench.plan.Plan.row`.
        provider: Where it runs; empty until then.
        error: One line, if it failed; its figures don't count then.
        note: What the user should know about where it runs.
        call_ms: About how long a call takes.
        calls: How many it had in turns: the number of the batch that is next.
        warm_up: What came before the first timed call.
        probabilities: ``float32 [photos, classes]``.
        turns: The samples of each round, in order.
    """

    spec: EngineSpec
    name: str
    row: str = ""
    provider: str = ""
    error: str | None = None
    note: str | None = None
    call_ms: float = 0.0
    calls: int = 0
    warm_up: WarmUp | None = None
    probabilities: npt.NDArray[np.float32] | None = None
    turns: list[Samples] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.row = self.row or self.name

    @property
    def medians_ms(self) -> list[float]:
        """The median call of each round, in milliseconds."""
        return [statistics.median(turn.latencies_ns) / 1e6 for turn in self.turns]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything that the rounds gave.

    Attributes:
        engines: Without those that nobody asked for and that couldn't be loaded.
        rounds: How many were completed.
        seconds: How long the whole bench took.
        ended: Why there were no more rounds: the intervals were narrow enough, or a limit was reached.
        interference: What disturbed it; None if nothing was measured.
        notes: What was left out, one line each.
    """

    engines: tuple[EngineRecord, ...]
    rounds: int
    seconds: float
    ended: Ended = "rounds"
    interference: Interference | None = None
    notes: tuple[str, ...] = ()

    @property
    def confidence(self) -> float:
        """What intervals must be made for to hold 95 %: more, if a look at them ended the rounds."""
        return LOOK_CONFIDENCE if self.ended == "margin" else CONFIDENCE


def measure(plan: Plan, progress: Progress = silent) -> Measurement:
    """Run a bench; its workers are gone when this returns or raises.

    An engine that fails is marked and left behind; the others go on.

    Raises:
        DeviceError: If the device asked for isn't available to an engine.
    """
    started_s = time.monotonic()
    records = [_record(plan, engine) for engine in plan.engines]
    with contextlib.ExitStack() as stack:
        lanes, notes = _load(records, plan, stack, progress)
        _warm_up(lanes, plan, progress)
        watch = Watch(plan.cpus, [lane.worker.pid for lane in lanes])
        rounds, ended = _run_rounds(lanes, plan, watch, started_s, progress)
        counters = watch.finish()
        _answer(lanes, plan, progress)
        engines = tuple(lane.record for lane in lanes)
        interference = judge_interference(counters, engines)
    return Measurement(engines, rounds, time.monotonic() - started_s, ended, interference, tuple(notes))


def _record(plan: Plan, engine: EngineSpec) -> EngineRecord:
    name = engine.name(engine.device)
    return EngineRecord(engine, name, plan.row(engine, name))


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

    def take_turn(self, *, warm_up: int, calls: int) -> Samples | None:
        """Time some calls on the photos that come next."""
        turn = Turn(first=self.record.calls, warm_up=warm_up, calls=calls)
        self.record.calls += warm_up + calls
        return self.ask(turn, Samples, warm_up + calls)

    def get_ready(self) -> str | None:
        """Wait until it has loaded; why it hasn't, if nobody asked for it by name."""
        record = self.record
        try:
            ready = self.receive(Ready, LOAD_TIMEOUT_S)
        except DeviceError as error:
            if not record.spec.optional:
                raise
            return str(error)
        if ready is None:
            return record.error if record.spec.optional else None
        record.provider, record.note = ready.provider, ready.note
        record.call_ms = statistics.median(ready.warm_up_ms)
        record.warm_up = WarmUp(len(ready.warm_up_ms), ready.warm_up_ms[0], stable=False)
        return None


def _load(
    records: Sequence[EngineRecord], plan: Plan, stack: contextlib.ExitStack, progress: Progress
) -> tuple[list[_Lane], list[str]]:
    lanes: list[_Lane] = []
    notes: list[str] = []
    starter = stack.enter_context(starter_for(plan))
    at_once = max(LOAD_AT_ONCE, usable_processors())
    for first in range(0, len(records), at_once):
        started = [
            (record, stack.enter_context(starter.start(record.row, record.spec, _WORKER)))
            for record in records[first : first + at_once]
        ]
        for done, (record, worker) in enumerate(started, first):
            progress("loading engines", done, len(records), record.row)
            lane = _Lane(record, worker)
            missing = lane.get_ready()
            if missing:
                notes.append(f"not measured: {missing}")
                continue
            if record.provider:
                record.name = record.spec.name(record.provider)
                record.row = worker.name = plan.row(record.spec, record.name)
            lanes.append(lane)
    progress("loading engines", len(records), len(records))
    return lanes, notes


def _answer(lanes: Sequence[_Lane], plan: Plan, progress: Progress) -> None:
    for done, lane in enumerate(lanes):
        progress("comparing answers", done, len(lanes), lane.record.row)
        answers = lane.ask(Answer(), Answers, plan.batches(lane.record.spec))
        if answers:
            lane.record.probabilities = np.asarray(answers.probabilities, dtype=np.float32)
    progress("comparing answers", len(lanes), len(lanes))


def _warm_up(lanes: Sequence[_Lane], plan: Plan, progress: Progress) -> None:
    for done, lane in enumerate(lanes):
        progress("warming up", done, len(lanes), lane.record.row)
        _warm_up_one(lane, longest_s(plan.max_seconds, len(lanes)))
    progress("warming up", len(lanes), len(lanes))


def _warm_up_one(lane: _Lane, limit_s: float) -> None:
    record, started_s = lane.record, time.monotonic()
    calls = window_calls(record.call_ms)
    medians_ms: list[float] = []
    while not is_stable(medians_ms) and (not medians_ms or time.monotonic() - started_s < limit_s):
        samples = lane.take_turn(warm_up=0, calls=calls)
        if samples is None:
            return
        medians_ms.append(statistics.median(samples.latencies_ns) / 1e6)
    if record.warm_up:
        count = record.warm_up.calls + len(medians_ms) * calls
        record.warm_up = replace(record.warm_up, calls=count, stable=is_stable(medians_ms))
        record.call_ms = medians_ms[-1]


def _run_rounds(
    lanes: Sequence[_Lane], plan: Plan, watch: Watch, started_s: float, progress: Progress
) -> tuple[int, Ended]:
    calls = [calls_in_turn(lane.record.call_ms) for lane in lanes]
    longest_round_s, done, ended = 0.0, 0, None
    while ended is None:
        progress("measuring rounds", done, _likely_rounds(done, time.monotonic() - started_s, plan))
        round_started_s = time.monotonic()
        for index in round_order(len(lanes), done, plan.seed):
            samples = lanes[index].take_turn(warm_up=warm_up_in_turn(calls[index]), calls=calls[index])
            if samples:
                lanes[index].record.turns.append(samples)
            watch.look()
        longest_round_s = max(longest_round_s, time.monotonic() - round_started_s)
        done += 1
        records = [lane.record for lane in lanes]
        next_end_s = time.monotonic() - started_s + longest_round_s + sum(_answering_s(r, plan) for r in records)
        ended = why_end(done, next_end_s, records, plan)
    progress("measuring rounds", done, done)
    return done, ended


def _likely_rounds(done: int, seconds: float, plan: Plan) -> int:
    """How many rounds there will be, at most."""
    if plan.rounds is not None:
        return plan.rounds
    # Loading counts as time that rounds took: the estimate grows to what it will be.
    return max(done + 1, int(done * plan.max_seconds / seconds)) if math.isfinite(plan.max_seconds) else done + 1


def _answering_s(record: EngineRecord, plan: Plan) -> float:
    """About how long the answers take that no turn has given, after another one."""
    calls = calls_in_turn(record.call_ms)
    missing = plan.batches(record.spec) - record.calls - calls - warm_up_in_turn(calls)
    return max(0, missing) * record.call_ms / 1e3


def why_end(done: int, seconds: float, records: Sequence[EngineRecord], plan: Plan) -> Ended | None:
    """Why no other round begins; None if one does.

    Args:
        done: Rounds completed, at least one.
        seconds: When the bench would end after another one, from its start.
        records: What the rounds gave.
        plan: It has the bounds.
    """
    if all(record.error for record in records):
        return "failures"
    if plan.rounds is not None and done >= plan.rounds:
        return "rounds"
    if seconds > plan.max_seconds:
        return "seconds"
    if plan.margin > 0 and is_look(done) and is_narrow([r for r in records if r.error is None], plan.margin):
        return "margin"
    return None
