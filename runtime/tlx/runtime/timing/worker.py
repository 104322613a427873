"""One engine in a process of its own: ``python -m tlx.runtime.timing.worker READ_FD WRITE_FD``.

It waits, blocked on a pipe, until whoever measures gives it a turn, so that waiting engines take nothing from the one
that is measured.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tlx.errors import TlxError

# Nothing else at module level: libraries that start threads must load after the processors are chosen.
from tlx.runtime.timing.idling import wait_until_idle
from tlx.runtime.timing.protocol import Answer, Answers, Channel, Message, Ready, Refusal, Samples, Setup, Turn

if TYPE_CHECKING:
    from tlx.runtime.timing.backends import Backend, Images, Probabilities

    Build = Callable[[Setup], Backend]
    Handle = Callable[[Backend, list[Images], Message], Message]
    _Known = dict[int, Probabilities]
    """For the number of each batch that had a turn: what the engine said last."""

_WARM_UP_CALLS = 3
_WARM_UP_S = 0.5


def main(arguments: list[str], build: Build, handle: Handle | None = None) -> int:
    """Serve one measurement until it closes its pipe.

    Args:
        arguments: Two numbers: the descriptors to read from and to write to.
        build: Loads the engine; called once the process is on its processors.
        handle: Answers what isn't a question or a turn, with the engine and its pictures.

    Returns:
        The exit code.
    """
    return run_worker(arguments, lambda channel: _serve(channel, build, handle))


def run_worker(arguments: list[str], serve: Callable[[Channel], None]) -> int:
    """The frame around what any worker does: its pipes, Ctrl-C, and errors as refusals.

    Args:
        arguments: As :func:`main`'s.
        serve: Reads requests and writes replies until the pipe is closed.

    Returns:
        The exit code.
    """
    # Ctrl-C goes to the whole process group; whoever measures alone decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    read_fd, write_fd = (int(argument) for argument in arguments)
    for descriptor in (read_fd, write_fd):
        os.set_inheritable(descriptor, False)
    channel = Channel(read_fd, write_fd)
    try:
        serve(channel)
    except TlxError as error:
        channel.send(Refusal(str(error), error.exit_code))
        return error.exit_code
    except (EOFError, BrokenPipeError):
        return 0
    return 0


def _serve(channel: Channel, build: Build, handle: Handle | None) -> None:
    setup = channel.receive()
    assert isinstance(setup, Setup)
    if setup.cpus:
        os.sched_setaffinity(0, setup.cpus)
    from tlx.runtime.timing.pictures import load_batches

    batches = load_batches(setup)
    backend = build(setup)
    reply: Message = Ready(backend.provider, _warm_up(backend, batches[0]), backend.note, backend.precision)
    wait_until_idle()
    answers: _Known = {}
    while True:
        channel.send(reply)
        parked_cpu_ns, parked_ns = time.process_time_ns(), time.monotonic_ns()
        request = channel.receive()
        parked_cpu_ns, parked_ns = time.process_time_ns() - parked_cpu_ns, time.monotonic_ns() - parked_ns
        if isinstance(request, Answer):
            reply = Answers(_answer(backend, batches, answers, setup).tolist())
            wait_until_idle()
        elif isinstance(request, Turn):
            latencies_ns = _time_calls(backend, batches, request, answers)
            reply = Samples(latencies_ns, parked_cpu_ns, parked_ns, wait_until_idle())
        else:
            assert handle is not None, f"unexpected {request}"
            reply = handle(backend, batches, request)
            wait_until_idle()


def _warm_up(backend: Backend, images: Images) -> list[float]:
    times_ms: list[float] = []
    while len(times_ms) < _WARM_UP_CALLS or sum(times_ms) < _WARM_UP_S * 1e3:
        started_ns = time.perf_counter_ns()
        backend.infer(images)
        times_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
        if len(times_ms) >= 100 * _WARM_UP_CALLS:
            break
    return times_ms


def _answer(backend: Backend, batches: list[Images], known: _Known, setup: Setup) -> Probabilities:
    """The probabilities of all pictures; those that no turn has given yet are computed now."""
    import numpy as np

    from tlx.errors import ModelFileError

    photos = len(setup.photos) or setup.synthetic
    rows = [known[place] if place in known else backend.infer(images).copy() for place, images in enumerate(batches)]
    answers = np.concatenate(rows)[:photos]
    if answers.shape != (photos, setup.classes):
        raise ModelFileError(
            f"{setup.model}: gave probabilities of shape {list(answers.shape)} for {photos} photos, "
            f"expected {[photos, setup.classes]}: it has other labels than the models beside it"
        )
    return answers


def _time_calls(backend: Backend, batches: list[Images], turn: Turn, known: _Known) -> list[int]:
    """The times of a turn in nanoseconds; the garbage collector can't fall into one.

    What the calls answer is kept: it's judged, too.
    """
    infer, clock_ns = backend.infer, time.perf_counter_ns
    latencies_ns = []
    gc.collect()
    gc.disable()
    try:
        for call in range(turn.warm_up + turn.calls):
            place = (turn.first + call) % len(batches)
            images = batches[place]
            started_ns = clock_ns()
            probabilities = infer(images)
            latencies_ns.append(clock_ns() - started_ns)
            # A copy: an engine may give the same memory each time.
            known[place] = probabilities.copy()
    finally:
        gc.enable()
    return latencies_ns[turn.warm_up :]


def _build(setup: Setup) -> Backend:
    from tlx.runtime.timing.backends import build

    return build(setup)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _build))
