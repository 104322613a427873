"""A live source that runs: its process is started, ended when it hangs, and told to open again what ended."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tlx.runtime.capture.backoff import count_failures, wait_s
from tlx.runtime.capture.delivery import Delivery
from tlx.runtime.capture.following import End, Follower
from tlx.runtime.capture.messages import Order
from tlx.runtime.capture.process import CaptureProcess
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.frames import CaptureCounters, Frame, State, StateChange

_STOP_S: Final = 2.0
_MAX_STUCK: Final = 3


class Supervisor:
    """Runs one live source in a thread of its own; a :class:`~tlx.runtime.frames.Capture`."""

    def __init__(
        self, name: str, order: Order, settings: CaptureSettings, deliver: Callable[[Frame | StateChange], None]
    ) -> None:
        """Begin.

        Args:
            name: Of its frames.
            order: What to open.
            settings: How patient to be.
            deliver: Called for each picture and change of state, from the thread.
        """
        self._order = order
        self._settings = settings
        self._delivery = Delivery(name, settings, deliver)
        self._stopping = threading.Event()
        self._process: CaptureProcess | None = None
        self._is_restart = False
        self._stuck: list[CaptureProcess] = []
        self._thread = threading.Thread(target=self._run, name="tlx-capture", daemon=True)
        self._thread.start()

    def counters(self) -> CaptureCounters:
        """What it did so far; may be called from any thread."""
        return self._delivery.counters()

    def stop(self) -> None:
        """End it and let go of all that it holds, within about a second; may be called again, from any thread."""
        self._stopping.set()
        self._delivery.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP_S)

    def process_id(self) -> int | None:
        """The number of the process that captures now; None while there is none."""
        process = self._process
        return process.pid if process else None

    def _run(self) -> None:
        # Processes that this thread starts inherit it: Ctrl-C and a service's end are for the parent to act on.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            self._run_until_stopped()
        finally:
            self._end_process(politely=True)

    def _run_until_stopped(self) -> None:
        failures, waited_s = -1, 0.0
        while not self._stopping.is_set():
            self._delivery.change(State.CONNECTING, None)
            end = self._attempt()
            if end is None:
                break
            failures = count_failures(failures, lived_s=end.lived_s, waited_s=waited_s)
            waited_s = wait_s(failures, jitter=random.random(), settings=self._settings)
            self._delivery.change(end.state, f"{end.reason}; next try in {waited_s:.1f} s")
            self._stopping.wait(waited_s)

    def _attempt(self) -> End | None:
        """Open the source and pass on what it gives until it ends; None if it was stopped."""
        is_new = self._process is None
        if is_new and (problem := self._start_process()) is not None:
            return End(State.LOST, problem)
        assert self._process is not None
        follower = Follower(self._process, self._order, self._settings, self._delivery)
        end = follower.follow(is_new=is_new, is_stopping=self._stopping.is_set)
        if end is not None and not end.is_reusable and not self._end_process(politely=False):
            return replace(end, reason=f"{end.reason}, but is stuck in the kernel and was left behind")
        return end

    def _start_process(self) -> str | None:
        """Start a process; why not, if it can't be."""
        self._stuck = [process for process in self._stuck if process.is_running]
        if len(self._stuck) >= _MAX_STUCK:
            return f"{len(self._stuck)} of its processes are stuck in the kernel, so no other is started"
        try:
            self._process = CaptureProcess(self._settings)
        except OSError as error:
            return f"its process can't be started ({error.strerror})"
        self._delivery.begin_process()
        self._delivery.add(restarts=int(self._is_restart))
        self._is_restart = True
        return None

    def _end_process(self, *, politely: bool) -> bool:
        """Whether it's gone; one that can't be killed is abandoned."""
        process, self._process = self._process, None
        if process is None or process.close(politely=politely):
            return True
        self._stuck.append(process)
        self._delivery.add(abandoned=1)
        return False
