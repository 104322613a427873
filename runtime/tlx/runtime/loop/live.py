"""Cameras and streams: the newest picture of each, never one that is too old, for as long as nobody stops it.

Capture, resize and the network overlap: each source is captured by a process of its own, a thread prepares what came
last, and the caller's thread runs the network. Each stage takes the newest picture there is and lets go of those that
came in between, so that the rate is that of the slowest stage and the age of a label that of one pass.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Self

from tlx.runtime.frames import MAX_AGE_S, Capture, Frame, LiveSource, State, StateChange
from tlx.runtime.loop.ages import AgeHistogram
from tlx.runtime.loop.mailbox import Mailbox
from tlx.runtime.loop.preparing import Preparer, Ready
from tlx.runtime.output.items import Result

_WAKE_S: Final = 0.2
_LEAVE_BEHIND_AFTER_S: Final = 1.0


@dataclass(slots=True)
class LiveCounters:
    """What a live loop did with the pictures.

    Attributes:
        classified: Those that got a label.
        failed: Those with an error.
        withheld: Those that came frozen or blank, and got none.
        too_old: Those that were not classified because of their age.
        passed_over: Those that the stride left out.
        ages: Of the labels, from capture on.
    """

    classified: int = 0
    failed: int = 0
    withheld: int = 0
    too_old: int = 0
    passed_over: int = 0
    ages: AgeHistogram = field(default_factory=AgeHistogram)


class LiveLoop:
    """Runs live sources; use it in a ``with`` block, which starts and stops their captures.

    Attributes:
        counters: What it did so far.
    """

    def __init__(
        self, sources: Sequence[LiveSource], prepare: Preparer, max_age_s: float = MAX_AGE_S, stride: int = 1
    ) -> None:
        """Prepare; nothing starts yet.

        Args:
            sources: Each with a name of its own.
            prepare: What is done to each picture before the network.
            max_age_s: A picture that is older when its turn comes isn't classified.
            stride: Every how many-th picture of a source is taken.
        """
        self.counters = LiveCounters()
        self._sources = sources
        self._prepare = prepare
        self._max_age_s = max_age_s
        self._stride = stride
        self._captured = Mailbox[Frame]()
        self._ready = Mailbox[Ready]()
        self._captures: list[Capture] = []
        self._thread = threading.Thread(target=self._make_ready, name="tlx-prepare", daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._captures = [source.start(self._take_in) for source in self._sources]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the captures, all at the same time, and :meth:`items` with them; may be called from any thread."""
        self._captured.close()
        self._ready.close()
        if self._captures:
            with ThreadPoolExecutor(len(self._captures)) as pool:
                list(pool.map(lambda capture: capture.stop(), self._captures))
        if self._thread.is_alive():
            self._thread.join(_LEAVE_BEHIND_AFTER_S)

    def items(self) -> Generator[Result | StateChange | None, None, None]:
        """Results and changes of state as they come, until :meth:`stop` is called; None where nothing came for a while.

        Raises:
            ModelFileError: If the model fails.
            DeviceError: If the GPU fails.
        """
        while not self._ready.is_closed:
            item = self._ready.take(_WAKE_S)
            if self._error is not None:
                raise self._error
            yield self._classify(item) if isinstance(item, Ready) else item

    def captured(self) -> int:
        """How many pictures the sources gave so far."""
        return sum(capture.counters().captured for capture in self._captures)

    def dropped(self) -> int:
        """How many of them a newer one replaced before their turn came, or the end of the loop overtook."""
        counters = self.counters
        told = counters.classified + counters.failed + counters.withheld + counters.too_old
        return max(0, self.captured() - counters.passed_over - told)

    def restarts(self) -> int:
        """How often a capture's process had to be started again."""
        return sum(capture.counters().restarts for capture in self._captures)

    def abandoned(self) -> int:
        """How many processes were left behind, stuck in the kernel."""
        return sum(capture.counters().abandoned for capture in self._captures)

    def _take_in(self, item: Frame | StateChange) -> None:
        if isinstance(item, StateChange) or (item.index or 0) % self._stride == 0:
            self._captured.put(item)
        else:
            self.counters.passed_over += 1  # by one thread a source: a count, not an account

    def _make_ready(self) -> None:
        try:
            while not self._captured.is_closed:
                item = self._captured.take(_WAKE_S)
                if item is not None:
                    self._ready.put(item if isinstance(item, StateChange) else self._prepare(item))
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
            self._error = error

    def _classify(self, ready: Ready) -> Result | None:
        frame, sha256 = ready.frame, ready.classifier.sha256
        if ready.prepared is None:
            withheld = frame.state not in {None, State.LIVE}
            self.counters.withheld += withheld
            self.counters.failed += not withheld
            return Result(frame, None, None, sha256, _age_ms(frame))
        if time.monotonic() - frame.captured_s > self._max_age_s:
            self.counters.too_old += 1
            return None
        prediction = ready.classifier.classify_prepared([ready.prepared])[0]
        result = Result(frame, prediction, None, sha256, _age_ms(frame))
        self.counters.classified += 1
        self.counters.ages.add(result.age_ms or 0.0)
        return result


def _age_ms(frame: Frame) -> float:
    return (time.monotonic() - frame.captured_s) * 1e3
