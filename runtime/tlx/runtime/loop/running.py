"""The whole way: from sources through the network and the decisions to whoever takes the results."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from tlx.runtime.classifier import Prediction
from tlx.runtime.decisions.decision import Decision
from tlx.runtime.frames import StateChange
from tlx.runtime.loop.live import LiveLoop
from tlx.runtime.loop.tally import LiveTally, Tally
from tlx.runtime.output.items import Item, Result, Sink


class Decides(Protocol):
    """Says what is said; see :mod:`tlx.runtime.decisions`."""

    def decide(self, result: Result, prediction: Prediction) -> Decision:
        """What is said after a picture of a source, which the model said this of."""

    def forget(self, source: str) -> None:
        """What the source showed so far counts no more."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go.

    Attributes:
        sink: Takes them.
        decider: Decides over time; None where each picture speaks for itself.
        news: Gives what else there is to tell, of the model file for example; never waits.
    """

    sink: Sink
    decider: Decides | None = None
    news: Callable[[], Iterable[Item]] = tuple

    def write(self, result: Result) -> Result:
        """Decide, and hand a result on."""
        if self.decider is not None:
            result = self._decided(self.decider, result)
        self.sink.write(result)
        return result

    def tell_news(self) -> None:
        """Hand on what else there is to tell."""
        for item in self.news():
            self.sink.write(item)

    def note(self, change: StateChange) -> None:
        """Hand a change of state on."""
        if self.decider is not None:
            self.decider.forget(change.source)
        self.sink.write(change)

    def _decided(self, decider: Decides, result: Result) -> Result:
        frame = result.frame
        if result.prediction is None:
            decider.forget(frame.source)
            return result
        return dataclasses.replace(result, decision=decider.decide(result, result.prediction))


def never() -> bool:
    """It goes on."""
    return False


def run_files(
    results: Generator[Result, None, None],
    output: Output,
    tally: Tally,
    *,
    strict: bool = False,
    is_over: Callable[[], bool] = never,
) -> None:
    """Write each result of files as soon as its turn comes.

    Args:
        results: From :func:`~tlx.runtime.loop.ordered.classify_files`; closed in the end.
        output: Where they go.
        tally: Counts them; right also if this ends by an exception.
        strict: Whether the first failed frame is the last one.
        is_over: Asked after each result.

    Raises:
        ModelFileError: If the model fails.
        DeviceError: If the GPU fails.
        BrokenPipeError: If nobody reads any more.
    """
    with contextlib.closing(results):
        for result in results:
            output.tell_news()
            tally.count(output.write(result))
            if (strict and tally.failed) or is_over():
                return


def run_live(loop: LiveLoop, output: Output, is_over: Callable[[], bool]) -> LiveTally:
    """Classify what live sources show until somebody says that it's over.

    Args:
        loop: Not started yet.
        output: Where results go.
        is_over: Asked several times a second.

    Raises:
        ModelFileError: If the model fails.
        DeviceError: If the GPU fails.
        BrokenPipeError: If nobody reads any more.
    """
    started_s = time.monotonic()
    with loop:
        for item in loop.items():
            output.tell_news()
            if item is not None:
                output.note(item) if isinstance(item, StateChange) else output.write(item)
            if is_over():
                break
    counters = loop.counters
    return LiveTally(
        captured=loop.captured(),
        dropped=loop.dropped(),
        passed_over=counters.passed_over,
        too_old=counters.too_old,
        classified=counters.classified,
        failed=counters.failed,
        withheld=counters.withheld,
        restarts=loop.restarts(),
        abandoned=loop.abandoned(),
        seconds=time.monotonic() - started_s,
        ages=counters.ages,
    )
