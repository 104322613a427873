"""What came of a run: counted on the way, told in one line at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tlx.runtime.loop.ages import AgeHistogram
from tlx.runtime.output.items import Result
from tlx.runtime.session import Session


@dataclass(slots=True)
class Tally:
    """Counts results.

    Attributes:
        unit: What one frame is called.
        frames: All of them.
        failed: Those with an error.
        seconds: From the beginning to the last result.
        first_error: The first failed frame's source and reason; None if none failed.
    """

    unit: str = "picture"
    frames: int = 0
    failed: int = 0
    seconds: float = 0.0
    first_error: str | None = None
    _started_s: float = field(default_factory=time.monotonic, repr=False)

    def count(self, result: Result) -> None:
        """Count one result."""
        self.frames += 1
        self.seconds = time.monotonic() - self._started_s
        if result.frame.error is not None:
            self.failed += 1
            self.first_error = self.first_error or f"{result.frame.source}: {result.frame.error}"


@dataclass(frozen=True, slots=True)
class LiveTally:
    """What came of a live run.

    Attributes:
        captured: Pictures that the sources gave.
        dropped: Those of them that a newer one replaced before their turn came.
        passed_over: Those that the stride left out.
        too_old: Those that were older than allowed when their turn came.
        classified: Those that got a label.
        failed: Those with an error.
        withheld: Those that came frozen or blank, and got none.
        restarts: How often a capture's process had to be started again.
        abandoned: Processes left behind, stuck in the kernel.
        seconds: How long it ran.
        ages: Of the labels, from capture on.
    """

    captured: int
    dropped: int
    passed_over: int
    too_old: int
    classified: int
    failed: int
    withheld: int
    restarts: int
    abandoned: int
    seconds: float
    ages: AgeHistogram


def summarize(tally: Tally, session: Session, workers: int = 1) -> str:
    """One line about a run: how many, how fast, on what; ``workers`` ran the network at the same time."""
    failed = f", {tally.failed} failed" if tally.failed else ""
    rate = (tally.frames - tally.failed) / tally.seconds if tally.seconds > 0 else 0.0
    return f"{_count(tally.frames, tally.unit)}{failed}, {rate:.1f} {tally.unit}s/s, {_on(session, workers)}"


def summarize_live(tally: LiveTally, session: Session) -> str:
    """One line about a live run: what became of the pictures, how fast, how old the labels were, on what."""
    parts = [f"{_count(tally.captured, 'picture')} in {_duration(tally.seconds)}", f"{tally.classified} classified"]
    extras = {
        "left out by the stride": tally.passed_over,
        "dropped for newer ones": tally.dropped,
        "too old": tally.too_old,
        "failed": tally.failed,
        "frozen or blank": tally.withheld,
    }
    parts += [f"{number} {what}" for what, number in extras.items() if number]
    if tally.seconds > 0:
        parts.append(f"{tally.classified / tally.seconds:.1f} labels/s")
    p50_ms, p99_ms = tally.ages.percentile_ms(50), tally.ages.percentile_ms(99)
    if p50_ms is not None:
        parts.append(f"age of a label p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms")
    if tally.restarts:
        parts.append(f"capture restarted {tally.restarts} time{'s' * (tally.restarts != 1)}")
    if tally.abandoned:
        parts.append(f"{_count(tally.abandoned, 'capture')} stuck in the driver and left behind")
    return ", ".join([*parts, _on(session)])


def judge_failures(tally: Tally) -> str | None:
    """The error of a run that gave nothing; None if at least one frame got its label."""
    if tally.frames > tally.failed:
        return None
    if tally.frames == 0:
        return "the sources gave nothing to classify"
    if tally.frames == 1:
        return tally.first_error
    return f"none of {_count(tally.frames, tally.unit)} could be read; the first: {tally.first_error}"


def _on(session: Session, workers: int = 1) -> str:
    threads = f"{_count(workers * session.threads, 'thread')}, " if session.device == "cpu" else ""
    return f"on the {session.device.upper()} ({threads}{session.providers[0]})"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"
