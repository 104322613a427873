"""A worker of the bench that also runs calls barely: one look at the clock before all of them, one after.

Run by ``bench_overhead.py`` as ``python -m bare_calls READ_FD WRITE_FD``.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlx.runtime.timing.protocol import Message
from tlx.runtime.timing.worker import main

if TYPE_CHECKING:
    from tlx.runtime.timing.backends import Backend, Images
    from tlx.runtime.timing.protocol import Setup


@dataclass(frozen=True, slots=True)
class BareCalls(Message):
    """Asks for calls as a plain loop makes them.

    Attributes:
        first: Number of the batch to begin with.
        warm_up: Calls before them.
        calls: How many.
    """

    first: int
    warm_up: int
    calls: int


@dataclass(frozen=True, slots=True)
class BareTime(Message):
    """What all of them took together."""

    elapsed_ns: int


def _build(setup: Setup) -> Backend:
    from tlx.runtime.timing.backends import build

    return build(setup)


def _handle(backend: Backend, batches: list[Images], request: Message) -> Message:
    assert isinstance(request, BareCalls)
    for call in range(request.warm_up):
        backend.infer(batches[(request.first + call) % len(batches)])
    images = [batches[(request.first + call) % len(batches)] for call in range(request.calls)]
    started_ns = time.perf_counter_ns()
    for image in images:
        backend.infer(image)
    return BareTime(time.perf_counter_ns() - started_ns)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _build, _handle))
