"""Files at full speed: every one of them, in order.

The network runs once on each processor, in one thread each, instead of once on all of them: nothing has to be split and
waited for, and while one thread decodes the other one computes.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Final

from tlx.runtime.classifier import Prediction
from tlx.runtime.frames import Source
from tlx.runtime.loop.batches import BatchChooser
from tlx.runtime.loop.preparing import Preparer, Ready
from tlx.runtime.loop.workers import OrderedWorkers, Plan
from tlx.runtime.output.items import Result
from tlx.runtime.sources.photos import PhotoSource

_FEW: Final = 2
"""So many pictures a processor, or fewer, are done sooner one after the other, each on all processors."""
_AHEAD_WITH_PIXELS: Final = 2
"""Whole pictures a worker that may wait where pixels are kept; a 50-megapixel photo takes 150 MB."""

Task = Callable[[], Ready]


def plan_threads(pictures: int | None, processors: int) -> tuple[int, int]:
    """Into how many workers the processors are divided, and how many processors each run of the network gets.

    Args:
        pictures: How many there are to classify; None if nobody knows.
        processors: Those that may be used.
    """
    if processors == 1 or (pictures is not None and pictures <= _FEW * processors):
        return 1, processors
    return processors, 1


def classify_files(sources: Iterable[Source], prepare: Preparer, workers: int) -> Generator[Result, None, None]:
    """A result for every frame of the sources, in their order.

    Args:
        sources: Files; not what is live.
        prepare: What is done to each frame before the network.
        workers: Threads that decode and run the network.

    Raises:
        ModelFileError: If the model fails.
        DeviceError: If the GPU fails.
    """
    batches = BatchChooser()
    ahead = _AHEAD_WITH_PIXELS * workers if prepare.keep_pictures else 2 * workers * batches.largest
    plan = Plan(workers, ahead, (lambda: 1) if prepare.keep_pictures else batches.size)
    pool = OrderedWorkers[Task, Result](lambda tasks: _classify([task() for task in tasks], batches), plan)
    return pool.map(task for source in sources for task in _tasks(source, prepare))


def _tasks(source: Source, prepare: Preparer) -> Iterator[Task]:
    if isinstance(source, PhotoSource):
        for read in source.tasks():
            yield lambda read=read: prepare(read())  # type: ignore[misc]
        return
    # A video is decoded one frame after the other; what waits is small already.
    with contextlib.closing(source.frames()) as frames:
        for frame in frames:
            yield _constant(prepare(frame))


def _constant(ready: Ready) -> Task:
    return lambda: ready


def _classify(pictures: Sequence[Ready], batches: BatchChooser) -> list[Result]:
    """One run of the network for what was prepared for the same classifier; nothing for frames with an error."""
    predictions: dict[int, Prediction] = {}
    numbered = [(number, ready) for number, ready in enumerate(pictures) if ready.prepared is not None]
    for classifier, group in itertools.groupby(numbered, key=lambda pair: pair[1].classifier):
        numbers, together = zip(*group, strict=True)
        started_s = time.perf_counter()
        answers = classifier.classify_prepared([ready.prepared for ready in together if ready.prepared])
        batches.record(len(answers), time.perf_counter() - started_s)
        predictions.update(zip(numbers, answers, strict=True))
    return [
        Result(ready.frame, predictions.get(number), None, ready.classifier.sha256)
        for number, ready in enumerate(pictures)
    ]
