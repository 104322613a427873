"""Photo files as frames, decoded ahead."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from tlx.runtime.frames import Frame
from tlx.runtime.sources.tasks import PhotoTask, run_ahead


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """Photos in the order given; an unreadable one becomes a frame with its error.

    Attributes:
        paths: The files, at least one.
    """

    paths: Sequence[str]

    @property
    def unit(self) -> str:
        """What one of them is called."""
        return "photo"

    @property
    def name_width(self) -> int:
        """The length of the longest path."""
        return max(map(len, self.paths))

    def tasks(self) -> Iterator[PhotoTask]:
        """One for each photo, in order; each reads and decodes its own."""
        return map(PhotoTask, self.paths)

    def frames(self) -> Generator[Frame, None, None]:
        """A frame for each photo, decoded in threads while earlier ones are used."""
        return run_ahead(self.tasks())
