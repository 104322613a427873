"""Files at full speed: every one of them, in order.

The network runs once on each processor, in one thread each, instead of once on all of them: nothing has to be split and
waited for, and while one thread decodes the other one computes.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from tlx.runtime.classifier import Prediction
from tlx.runtime.frames import Source
from tlx.runtime.loop.batches import BatchChooser
from tlx.runtime.loop.preparing import Preparer, Ready
from tlx.runtime.loop.workers import OrderedWorkers, Plan
from tlx.runtime.output.items import Result
from tlx.runtime.sources.tasks import Task, TaskSource

_FEW: Final = 2
"""So many pictures a processor, or fewer, are done sooner one after the other, each on all processors."""
_AHEAD_WITH_PIXELS: Final = 2
"""Whole pictures a worker that may wait where pixels are kept; a 50-megapixel photo takes 150 MB."""

Work: TypeAlias = Callable[[], Ready]
Skip: TypeAlias = Callable[[str, int | None], bool]
"""Whether a picture, by its source's name and its number in a video, has its result already."""


def plan_threads(pictures: int | None, processors: int) -> tuple[int, int]:
    """Into how many workers the processors are divided, and how many processors each run of the network gets.

    Args:
        pictures: How many there are to classify; None if nobody knows.
        processors: Those that may be used.
    """
    if processors == 1 or (pictures is not None and pictures <= _FEW * processors):
        return 1, processors
    return processors, 1


def skip_nothing(source: str, index: int | None) -> bool:
    """Nothing has its result yet."""
    del source, index
    return False


def classify_files(
    sources: Iterable[Source], prepare: Preparer, workers: int, skip: Skip = skip_nothing
) -> Generator[Result, None, None]:
    """A result for every frame of the sources, in their order.

    Args:
        sources: Files; not what is live.
        prepare: What is done to each frame before the network.
        workers: Threads that decode and run the network.
        skip: Says which pictures are left out.

    Raises:
        ModelFileError: If the model fails.
        DeviceError: If the GPU fails.
    """
    batches = BatchChooser()
    ahead = _AHEAD_WITH_PIXELS * workers if prepare.keep_pictures else 2 * workers * batches.largest
    plan = Plan(workers, ahead, (lambda: 1) if prepare.keep_pictures else batches.size)
    pool = OrderedWorkers[Work, Result](lambda works: _classify([work() for work in works], batches), plan)
    return pool.map(work for source in sources for work in _works(source, prepare, skip))


def _works(source: Source, prepare: Preparer, skip: Skip) -> Iterator[Work]:
    if isinstance(source, TaskSource):
        for task in source.tasks():
            if not skip(task.source, task.index):
                yield partial(_read_and_prepare, task, prepare)
        return
    # A video is decoded one frame after the other; what waits is small already.
    with contextlib.closing(source.frames()) as frames:
        for frame in frames:
            if not skip(frame.source, frame.index):
                yield partial(_identity, prepare(frame))


def _read_and_prepare(task: Task, prepare: Preparer) -> Ready:
    return prepare(task())


def _identity(ready: Ready) -> Ready:
    return ready


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
