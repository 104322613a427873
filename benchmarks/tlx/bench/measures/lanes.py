"""The engines whose measures are taken: what was found of each, and the process in which it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tlx.bench.measures.extras import Extras, model_bytes
from tlx.bench.measures.messages import Loaded
from tlx.bench.plan import Plan
from tlx.bench.sampling import LOAD_TIMEOUT_S, EngineRecord
from tlx.errors import DeviceError, EngineError
from tlx.progress import Progress
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import AnyMessage, Message, Setup

WORKER: Final = "tlx.bench.measures.worker"
MOST_PHOTOS: Final = 64
"""A worker holds so many at most: their bytes count in its peak memory."""
NVIDIA: Final = frozenset({"cuda", "tensorrt"})


@dataclass(slots=True)
class Subject:
    """One engine and what was found of it so far.

    Attributes:
        name: No other engine's.
    """

    name: str
    record: EngineRecord
    found: Extras

    def take(self, **figures: Any) -> None:
        """Set fields of :attr:`found`."""
        self.found = replace(self.found, **figures)

    def note(self, reason: str) -> None:
        """Say why something is missing."""
        self.take(notes=(*self.found.notes, reason))


@dataclass(slots=True)
class Lane:
    """A subject in its process.

    Attributes:
        call_ms: About how long a call takes; known once it's loaded.
        failed: Whether it can't be asked any more.
    """

    subject: Subject
    worker: WorkerProcess
    call_ms: float = 0.0
    failed: bool = False

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU that NVML knows."""
        return self.subject.record.provider in NVIDIA

    def ask(self, request: Message, reply_type: type[AnyMessage], timeout_s: float) -> AnyMessage | None:
        """The reply, or None if the engine has failed, now or before."""
        if not self.failed:
            self.worker.send(request)
        return self.receive(reply_type, timeout_s)

    def ask_calls(self, request: Message, reply_type: type[AnyMessage], calls: int) -> AnyMessage | None:
        """As :meth:`ask`, after a request that takes so many calls of the engine."""
        return self.ask(request, reply_type, reply_timeout_s(calls, self.call_ms))

    def receive(self, reply_type: type[AnyMessage], timeout_s: float) -> AnyMessage | None:
        """As :meth:`ask`, without a request."""
        if self.failed:
            return None
        try:
            return self.worker.receive(reply_type, timeout_s=timeout_s)
        except (EngineError, DeviceError) as error:
            self.failed = True
            self.subject.note(f"{error}: what it was asked for beside its latency is missing from then on")
            return None


def subjects_of(records: Sequence[EngineRecord]) -> list[Subject]:
    """All engines that didn't fail; of the others nothing is known."""
    return [
        Subject(record.row, record, Extras(model_bytes(record.spec.model)))
        for record in records
        if record.error is None
    ]


def runs_here(subject: Subject, plan: Plan) -> bool:
    """Whether this interpreter runs the engine; in another one only its latency can be measured."""
    if plan.python(subject.record.spec) is None:
        return True
    subject.note("engines of --keras-python: only their latency is measured")
    return False


def open_lane(subject: Subject, plan: Plan) -> Lane:
    """Start an engine's process."""
    setup = thinned(plan.setup(subject.record.spec))
    return Lane(subject, WorkerProcess(subject.name, setup, WORKER))


def load(lanes: Sequence[Lane], progress: Progress) -> None:
    """Wait until all have loaded; they do it side by side."""
    for done, lane in enumerate(lanes):
        progress("loading engines again", done, len(lanes), lane.subject.name)
        loaded = lane.receive(Loaded, LOAD_TIMEOUT_S)
        if loaded:
            lane.call_ms = loaded.call_ms
    progress("loading engines again", len(lanes), len(lanes))


def thinned(setup: Setup) -> Setup:
    """At most :data:`MOST_PHOTOS` of its photos, from all over the list."""
    step = max(1, -(-len(setup.photos) // MOST_PHOTOS))
    return replace(setup, photos=setup.photos[::step], synthetic=min(setup.synthetic, MOST_PHOTOS))


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often each engine gets a turn.

    Attributes:
        stage: What the progress is called.
        most: So many rounds at most.
        seconds: No round but the first begins that wouldn't end by then, as long as the longest so far.
        seed: Decides the order in each round.
    """

    stage: str
    most: int
    seconds: float
    seed: int

    def run(self, lanes: Sequence[Lane], turn: Callable[[Lane, int], None], progress: Progress) -> None:
        """Give the turns, one engine after the other."""
        started_s, longest_s = time.monotonic(), 0.0
        for number in range(self.most):
            round_started_s = time.monotonic()
            if number and round_started_s - started_s + longest_s > self.seconds:
                break
            progress(self.stage, number, self.most)
            for index in round_order(len(lanes), number, self.seed):
                turn(lanes[index], number)
            longest_s = max(longest_s, time.monotonic() - round_started_s)
        progress(self.stage, self.most, self.most)
