"""Photo files as frames, decoded ahead."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tlx import images
from tlx.errors import ImageError, TlxError
from tlx.runtime.background import map_ahead
from tlx.runtime.frames import Frame
from tlx.runtime.processors import usable_processors

_MAX_DECODERS: Final = 4


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """Photos in the order given; an unreadable one becomes a frame with its error.

    Attributes:
        paths: The files, at least one.
    """

    paths: Sequence[Path]

    @property
    def unit(self) -> str:
        """What one of them is called."""
        return "photo"

    @property
    def name_width(self) -> int:
        """The length of the longest path."""
        return max(len(str(path)) for path in self.paths)

    def tasks(self) -> Iterator[Callable[[], Frame]]:
        """For each photo a function that reads and decodes it, to be called in any thread."""
        for path in self.paths:
            yield partial(read_photo, path)

    def frames(self) -> Generator[Frame, None, None]:
        """A frame for each photo, decoded in threads while earlier ones are used."""
        workers = min(_MAX_DECODERS, usable_processors())
        return map_ahead(read_photo, self.paths, workers=workers, ahead=workers)


def read_photo(path: Path) -> Frame:
    """One photo; never raises for what is wrong with the file."""
    started_s = time.monotonic()
    try:
        image_rgb = images.read(path)
    except ImageError as error:
        return Frame(str(path), None, error.reason, None, started_s)
    except TlxError as error:
        return Frame(str(path), None, str(error), None, started_s)
    except MemoryError:
        return Frame(str(path), None, "too large for the memory that is left", None, started_s)
    return Frame(str(path), image_rgb, None, None, started_s, (time.monotonic() - started_s) * 1e3)
