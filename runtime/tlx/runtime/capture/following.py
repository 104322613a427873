"""One order of one capture process, from its beginning to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tlx.runtime.capture.addresses import without_secrets
from tlx.runtime.capture.delivery import Delivery
from tlx.runtime.capture.messages import Ended, Message, Opened, Order, Picture, Ready
from tlx.runtime.capture.process import CaptureProcess
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.capture.watchdog import Phase, SilenceClock, Verdict, judge_silence
from tlx.runtime.frames import State
from tlx.runtime.output.printable import printable

_TICK_S: Final = 0.1
_MAX_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class End:
    """Why an order is over.

    Attributes:
        state: ``stalled`` after too long a silence, else ``lost``.
        reason: On one line, without secrets.
        lived_s: From the first picture to the end; 0 without a picture.
        is_reusable: Whether the process may be given the next order.
    """

    state: State
    reason: str
    lived_s: float = 0.0
    is_reusable: bool = False


class Follower:
    """Listens to a process and passes on what it captures."""

    def __init__(self, process: CaptureProcess, order: Order, settings: CaptureSettings, delivery: Delivery) -> None:
        """Prepare to give the process the order."""
        self._process = process
        self._order = order
        self._settings = settings
        self._delivery = delivery
        self._phase = Phase.STARTING
        self._note: str | None = None
        self._live_since_s: float | None = None

    def follow(self, *, is_new: bool, is_stopping: Callable[[], bool]) -> End | None:
        """Give the order and stay until it's over.

        Args:
            is_new: Whether the process was only just started.
            is_stopping: Whether to leave.

        Returns:
            Why it's over; None if it isn't, but is to be stopped.
        """
        self._phase = Phase.STARTING if is_new else Phase.OPENING
        self._process.order(self._order)
        clock = SilenceClock(time.monotonic())
        while not is_stopping():
            try:
                messages = self._process.receive(_TICK_S)
            except EOFError:
                return self._end(State.LOST, self._process.describe_end(), with_words=True)
            if (end := self._hear(messages)) is not None:
                return end
            silent_s = clock.step(time.monotonic(), heard=bool(messages))
            if (end := self._judge(silent_s)) is not None:
                return end
        return None

    def _hear(self, messages: list[Message]) -> End | None:
        pictures = [message for message in messages if isinstance(message, Picture)]
        for message in messages:
            if isinstance(message, Ready):
                self._phase = Phase.OPENING
            elif isinstance(message, Opened):
                self._phase, self._note = Phase.READING, message.note
        if pictures:
            self._live_since_s = self._live_since_s or time.monotonic()
            self._delivery.show(pictures[-1], self._process, self._note)
        if messages and isinstance(ended := messages[-1], Ended):
            state = State.STALLED if ended.is_silence else State.LOST
            return self._end(state, ended.reason, with_words=self._phase is not Phase.READING, is_reusable=True)
        return None

    def _judge(self, silent_s: float) -> End | None:
        verdict = judge_silence(silent_s, self._phase, self._settings)
        if verdict is Verdict.HUNG:
            what = "no picture" if self._phase is Phase.READING else "no sign of life"
            return self._end(State.STALLED, f"{what} for {silent_s:.1f} s: its process hangs and was killed")
        if verdict is Verdict.STALLED and self._delivery.state is not State.STALLED:
            self._delivery.change(State.STALLED, f"no picture for {silent_s:.1f} s")
        return None

    def _end(self, state: State, reason: str, *, with_words: bool = False, is_reusable: bool = False) -> End:
        if with_words and self._process.last_words:
            reason = f"{reason} ({self._process.last_words})"
        lived_s = time.monotonic() - self._live_since_s if self._live_since_s else 0.0
        # Servers choose some of the words, so they may hold anything.
        reason = printable(without_secrets(reason, self._order.address)[:_MAX_REASON])
        return End(state, reason, lived_s, is_reusable)
