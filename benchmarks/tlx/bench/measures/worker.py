"""One engine in a process of its own, for the measures beside latency.

``python -m tlx.bench.measures.worker READ_FD WRITE_FD``: as :mod:`tlx.bench.worker`, it waits on a pipe between its
turns, its threads at rest.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

# Nothing else at module level: libraries that start threads must load after the processors are chosen.
from tlx.bench.measures.messages import Loaded, RunSteadily, TimeStages, TimeTransfers
from tlx.runtime.timing.idling import wait_until_idle
from tlx.runtime.timing.protocol import Channel, Message, Setup
from tlx.runtime.timing.worker import run_worker

if TYPE_CHECKING:
    from tlx.bench.measures.stages import Files
    from tlx.runtime.timing.backends import Backend, Images

_WARM_UP_CALLS: Final = 3


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a worker has loaded; no files where they can't be decoded."""

    backend: Backend
    batches: list[Images]
    files: Files | None


def main(arguments: list[str]) -> int:
    """Serve one bench until it closes its pipe; gives the exit code.

    Args:
        arguments: Two numbers: the descriptors to read from and to write to.
    """
    return run_worker(arguments, _serve)


def _serve(channel: Channel) -> None:
    setup = channel.receive()
    assert isinstance(setup, Setup)
    if setup.cpus:
        os.sched_setaffinity(0, setup.cpus)
    bench = _load(setup)
    reply: Message = Loaded(bench.backend.provider, _warm_up(bench), bench.files is not None)
    while True:
        # At rest before anybody hears that the turn is over.
        wait_until_idle()
        channel.send(reply)
        reply = _answer(bench, channel.receive())


def _load(setup: Setup) -> _Bench:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from tlx.bench.backends import build
    from tlx.runtime.timing.pictures import load_batches

    batches = load_batches(setup)
    # An environment that is given arrays needn't have OpenCV.
    files = _read_files(setup) if setup.photos and not setup.arrays else None
    return _Bench(build(setup), batches, files)


def _read_files(setup: Setup) -> Files:
    from pathlib import Path

    from tlx import images
    from tlx.bench.measures.stages import Files

    contents = [images.read_bytes(Path(photo)) for photo in setup.photos]
    size_hw = (setup.size_hw[0], setup.size_hw[1])
    return Files(contents, setup.photos, size_hw, setup.resize, setup.batch)


def _warm_up(bench: _Bench) -> float:
    """Milliseconds of a call."""
    times_ms = []
    for _ in range(_WARM_UP_CALLS):
        started_s = time.perf_counter()
        bench.backend.infer(bench.batches[0])
        times_ms.append((time.perf_counter() - started_s) * 1e3)
    return statistics.median(times_ms)


def _answer(bench: _Bench, request: Message) -> Message:
    if isinstance(request, TimeStages):
        from tlx.bench.measures.stages import time_stages

        assert bench.files is not None
        return time_stages(bench.backend, bench.files, request)
    if isinstance(request, TimeTransfers):
        from tlx.bench.measures.transfers import time_transfers

        return time_transfers(bench.backend, bench.batches[0], request)
    assert isinstance(request, RunSteadily)
    from tlx.bench.measures.steady import run_steadily
    from tlx.runtime.energy import EnergyMeter

    return run_steadily(bench.backend.infer, bench.batches, request, EnergyMeter())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
