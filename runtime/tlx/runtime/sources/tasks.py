"""Pictures that are still to be read: one call each, on any thread."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from tlx.runtime.background import map_ahead
from tlx.runtime.frames import Frame
from tlx.runtime.processors import usable_processors
from tlx.runtime.sources.photo_bytes import read_photo

_MAX_DECODERS: Final = 4


class Task(Protocol):
    """One picture that is still to be read."""

    @property
    def source(self) -> str:
        """The file, as its frame will call it."""

    @property
    def index(self) -> int | None:
        """The number of its frame in a video; None for a photo."""

    def __call__(self) -> Frame:
        """Read and decode it; never raises for what is wrong with the file."""


@runtime_checkable
class TaskSource(Protocol):
    """A source whose pictures can be decoded on the caller's own threads."""

    def tasks(self) -> Iterator[Task]:
        """One for each picture, in order.

        The next one may take its time to come: a list on stdin grows as it likes. So they are best taken on a thread
        that nobody waits for.
        """


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photo file."""

    source: str

    @property
    def index(self) -> None:
        """None: it's no video."""
        return

    def __call__(self) -> Frame:
        """Read it, with :func:`~tlx.runtime.sources.photo_bytes.read_photo`."""
        return read_photo(self.source)


@dataclass(frozen=True, slots=True)
class FrameTask:
    """A picture that is there already, or the reason why there is none."""

    frame: Frame

    @property
    def source(self) -> str:
        """Where it comes from."""
        return self.frame.source

    @property
    def index(self) -> int | None:
        """Its number in a video."""
        return self.frame.index

    def __call__(self) -> Frame:
        """Nothing is left to be done."""
        return self.frame


def failed_task(source: str, reason: str) -> FrameTask:
    """A picture that can't be had."""
    return FrameTask(Frame(source, None, reason, None, time.monotonic()))


def run_ahead(tasks: Iterable[Task]) -> Generator[Frame, None, None]:
    """The frames of tasks in order, decoded in threads while earlier ones are used."""
    workers = min(_MAX_DECODERS, usable_processors())
    return map_ahead(lambda task: task(), tasks, workers=workers, ahead=workers)
