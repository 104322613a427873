"""The engines whose measures are taken: what was found of each, and the process in which it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tlx.bench.measures.extras import Extras
from tlx.bench.measures.messages import Loaded
from tlx.bench.model_size import model_bytes
from tlx.bench.rows import NVIDIA
from tlx.bench.sampling import LOAD_AT_ONCE, LOAD_TIMEOUT_S, EngineRecord
from tlx.bench.starting import Starter
from tlx.errors import DeviceError, EngineError
from tlx.progress import Progress
from tlx.runtime.processors import usable_processors
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import AnyMessage, Message, Setup

WORKER: Final = "tlx.bench.measures.worker"
MOST_PHOTOS: Final = 64
"""A worker holds so many at most: their bytes count in its peak memory."""


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
        call_ms: About how long a call takes; known once it's loaded, as the next one is.
        decodes: Whether it holds files that it can decode.
        failed: Whether it can't be asked any more.
    """

    subject: Subject
    worker: WorkerProcess
    call_ms: float = 0.0
    decodes: bool = False
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


def open_lanes(
    subjects: Sequence[Subject], starter: Starter, stack: contextlib.ExitStack, progress: Progress
) -> list[Lane]:
    """Start the engines' processes, some at once, and wait until they have loaded; the stack ends them."""
    lanes: list[Lane] = []
    at_once = max(LOAD_AT_ONCE, usable_processors())
    for first in range(0, len(subjects), at_once):
        started = [Lane(one, stack.enter_context(_start(one, starter))) for one in subjects[first : first + at_once]]
        for done, lane in enumerate(started, first):
            progress("loading engines again", done, len(subjects), lane.subject.name)
            loaded = lane.receive(Loaded, LOAD_TIMEOUT_S)
            if loaded:
                lane.call_ms = loaded.call_ms
                lane.decodes = loaded.decodes
        lanes += started
    progress("loading engines again", len(subjects), len(subjects))
    return lanes


def _start(subject: Subject, starter: Starter) -> WorkerProcess:
    engine = subject.record.spec
    return starter.start(subject.name, engine, WORKER, thinned(starter.setup(engine)))


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
