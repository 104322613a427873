"""Sources, classifier and sink put together."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tlx.runtime.classifier import Classifier
from tlx.runtime.frames import Source
from tlx.runtime.output.items import Result, Sink
from tlx.runtime.session import Session


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a run.

    Attributes:
        unit: What one frame is called.
        frames: All of them.
        failed: Those without a label.
        seconds: From the first frame's start to the last result.
        first_error: The first failed frame's source and reason; None if none failed.
    """

    unit: str
    frames: int
    failed: int
    seconds: float
    first_error: str | None = None


def classify_sources(classifier: Classifier, sources: Iterable[Source], sink: Sink) -> Tally:
    """Classify every frame of the sources, one after the other, and write each result as it comes.

    Raises:
        DeviceError: If a camera can't be opened, or the GPU fails.
        ModelFileError: If the model fails.
    """
    started_s = time.monotonic()
    count = failed = 0
    first_error = None
    units = set()
    for source in sources:
        units.add(source.unit)
        with contextlib.closing(source.frames()) as frames:
            for frame in frames:
                count += 1
                if frame.image_rgb is None:
                    failed += 1
                    first_error = first_error or f"{frame.source}: {frame.error}"
                    sink.write(Result(frame, None, None, classifier.sha256))
                else:
                    prediction = classifier.classify(frame.image_rgb, decode_ms=frame.decode_ms)
                    sink.write(Result(frame, prediction, None, classifier.sha256))
    unit = units.pop() if len(units) == 1 else "picture"
    return Tally(unit, count, failed, time.monotonic() - started_s, first_error)


def summarize(tally: Tally, session: Session) -> str:
    """One line about a run: how many, how fast, on what."""
    failed = f", {tally.failed} failed" if tally.failed else ""
    rate = (tally.frames - tally.failed) / tally.seconds if tally.seconds > 0 else 0.0
    threads = f"{session.threads} thread{'s' * (session.threads != 1)}, " if session.device == "cpu" else ""
    return (
        f"{_count(tally.frames, tally.unit)}{failed}, {rate:.1f} {tally.unit}s/s, "
        f"on the {session.device.upper()} ({threads}{session.providers[0]})"
    )


def judge_failures(tally: Tally) -> str | None:
    """The error of a run that gave nothing; None if at least one frame got its label."""
    if tally.frames > tally.failed:
        return None
    if tally.frames == 0:
        return "the sources gave nothing to classify"
    if tally.frames == 1:
        return tally.first_error
    return f"none of {_count(tally.frames, tally.unit)} could be read; the first: {tally.first_error}"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"
