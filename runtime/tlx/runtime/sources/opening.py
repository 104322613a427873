"""Any source by the word that the command line takes, for people's own programs."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tlx.errors import InputError
from tlx.runtime.frames import MAX_AGE_S, Frame, StateChange
from tlx.runtime.sources.latest import iterate_live
from tlx.runtime.sources.live import find_live
from tlx.runtime.sources.words import open_sources

if TYPE_CHECKING:
    from typing import Self

OnState = Callable[[StateChange], None]


def open_source(
    word: str | Path, *, stride: int = 1, max_age_s: float = MAX_AGE_S, on_state: OnState | None = None
) -> OpenSource:
    """Open files, a camera or a stream.

    Args:
        word: A photo, a video, a folder of photos, a pattern such as ``photos/*.jpg``; a camera's number or device
            path, the address of a stream.
        stride: Every how many-th frame of a video or a live source is taken; photos are all taken.
        max_age_s: Of live sources: older pictures aren't given, in seconds since their capture.
        on_state: Of live sources: told when it connects, stalls, freezes, is lost …

    Raises:
        SourceError: If the word means nothing that is there.
        DeviceError: If it's a camera that can't be opened.
    """
    if stride < 1:
        raise InputError(f"stride must be at least 1, received {stride}")
    live = find_live(str(word))
    if live is not None:
        frames = iterate_live(live, max_age_s=max_age_s, on_state=on_state)
        return OpenSource(_every(frames, stride), is_live=True)
    sources = open_sources([str(word)], stride=stride)
    return OpenSource(_one_after_the_other([source.frames for source in sources]), is_live=False)


class OpenSource:
    """Frames, once; a context manager that lets go of the source.

    A frame of a file that can't be read has no picture but an ``error``. A live source ends only when it's closed;
    see :func:`~tlx.runtime.sources.latest.iterate_live` for what it gives.

    Attributes:
        is_live: Whether it's a camera or a stream.
    """

    def __init__(self, frames: Generator[Frame, None, None], *, is_live: bool) -> None:
        """Hold what :func:`open_source` opened; nothing is read before the first frame is asked for."""
        self.is_live = is_live
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def close(self) -> None:
        """Let go of the source; there are no frames afterwards. May be called more than once."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _every(frames: Generator[Frame, None, None], stride: int) -> Generator[Frame, None, None]:
    with contextlib.closing(frames):
        yield from itertools.islice(frames, 0, None, stride)


def _one_after_the_other(openers: list[Callable[[], Generator[Frame, None, None]]]) -> Generator[Frame, None, None]:
    for opener in openers:
        with contextlib.closing(opener()) as frames:
            yield from frames
