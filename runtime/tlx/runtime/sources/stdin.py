"""What comes in on stdin: one picture, or a list of files that may grow slowly.

The first bytes tell which. A list has one path a line, or paths that are each ended by a zero byte, as ``find -print0``
writes them, as soon as there is one. Its paths name photos, folders or videos; each is taken as it comes. What can't
be read is a frame with an error.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx import images
from tlx.errors import ImageError, SourceError
from tlx.runtime.frames import Frame
from tlx.runtime.sources.folders import walk_photos
from tlx.runtime.sources.photo_bytes import decode_photo
from tlx.runtime.sources.photo_or_video import describe_empty_folder, is_photo
from tlx.runtime.sources.tasks import FrameTask, PhotoTask, Task, failed_task, run_ahead
from tlx.runtime.sources.videos import VideoSource

STDIN_NAME: Final = "<stdin>"
"""How results call a picture that came in on stdin."""

_CHUNK_BYTES: Final = 65536
_HEAD_BYTES: Final = 64
_MAX_PATH_BYTES: Final = 65536
# Files that are told by their first bytes, also those that aren't read: their error says more than a list's would.
# No path begins with a control character in practice; PNM begins as a path may, so all three of its numbers count.
_PICTURE: Final = re.compile(
    rb"\xff\xd8\xff|\x89PNG|RIFF....(?:WEBP|AVI )|GIF8[79]a|II[*+]\0|MM\0[*+]|\0\0\0.(?:ftyp|jP  |JXL )"
    rb"|\xff\x4f\xff\x51|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[56]\s+(?:#.*\n)?\d+\s+\d+\s+\d+\s|8BPS|%PDF-|\x1aE\xdf\xa3"
    rb"|\x1f\x8b\x08|PK\x03\x04",
    re.DOTALL,
)
# A whole name begins a list, however slowly the next one comes. Few letters and a zero may still be a picture's.
_LIST: Final = re.compile(rb"(?!P[56]\n)[^\0-\x1f]+\n|[^\0-\x1f]{8,}\0")


@dataclass(frozen=True, slots=True)
class StdinSource:
    """A picture or a list of files on stdin.

    Attributes:
        open_video: Makes the source of a video that the list names.
        descriptor: Where it comes from.
    """

    open_video: Callable[[Path], VideoSource]
    descriptor: int = 0

    @property
    def unit(self) -> str:
        """What one of them is called."""
        return "picture"

    @property
    def name_width(self) -> int:
        """Unknown before it was read: 0."""
        return 0

    def frames(self) -> Generator[Frame, None, None]:
        """A frame for each photo as it comes, decoded in threads."""
        return run_ahead(self.tasks())

    def tasks(self) -> Iterator[Task]:
        """One for each picture, as soon as stdin names it.

        Raises:
            SourceError: If stdin can't be read, or is neither a picture nor a list.
        """
        head, ended = self._read_head()
        if _PICTURE.match(head):
            yield _PictureTask(head, self.descriptor)
            return
        for path in split_paths(self._chunks(head, ended=ended)):
            yield from self._tasks_of(os.fsdecode(path))

    def _read_head(self) -> tuple[bytes, bool]:
        """The first bytes, as many as it takes to know what they begin; and whether these are all."""
        head = b""
        while not is_told(head):
            chunk = _read(self.descriptor)
            if not chunk:
                return head, True
            head += chunk
        return head, False

    def _chunks(self, head: bytes, *, ended: bool) -> Iterator[bytes]:
        yield head
        while not ended and (chunk := _read(self.descriptor)):
            yield chunk

    def _tasks_of(self, path: str) -> Iterator[Task]:
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - one call, and no Path for each of many
        except OSError:
            yield PhotoTask(path)  # reading it says why
            return
        if stat.S_ISDIR(mode):
            yield from _tasks_of_folder(path)
        elif stat.S_ISREG(mode) and not is_photo(path):
            for frame in self.open_video(Path(path)).frames():
                yield FrameTask(frame)
        else:
            yield PhotoTask(path)


def open_stdin(open_video: Callable[[Path], VideoSource]) -> StdinSource:
    """The source for the word ``-``; nothing is read yet.

    Raises:
        SourceError: If stdin is a terminal or closed.
    """
    expected = "-: expected a picture or a list of files on stdin"
    try:
        os.fstat(0)
    except OSError as error:
        raise SourceError(f"{expected}, but stdin is closed") from error
    if os.isatty(0):
        raise SourceError(f"{expected}, but stdin is a terminal: pipe them in, as in 'find photos -name \"*.jpg\" | …'")
    return StdinSource(open_video)


def is_told(head: bytes) -> bool:
    """Whether these first bytes show already if they begin a picture or a list."""
    return len(head) >= _HEAD_BYTES or bool(_PICTURE.match(head) or _LIST.match(head))


def split_paths(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The paths of a list, each as soon as its end is there; empty ones are left out.

    Raises:
        SourceError: If a line is longer than any path.
    """
    rest, separator = b"", b"\n"
    for chunk in chunks:
        rest += chunk
        if separator == b"\n" and b"\0" in chunk:
            separator = b"\0"
        *paths, rest = rest.split(separator)
        yield from filter(None, map(_without_return(separator), paths))
        if len(rest) > _MAX_PATH_BYTES:
            raise SourceError("-: expected a picture or a list of files on stdin, but this is neither")
    if last := _without_return(separator)(rest):
        yield last


def _without_return(separator: bytes) -> Callable[[bytes], bytes]:
    """Lists that Windows wrote end their lines by two characters."""
    return (lambda path: path.removesuffix(b"\r")) if separator == b"\n" else (lambda path: path)


def _tasks_of_folder(path: str) -> Iterator[Task]:
    is_empty = True
    try:
        for photo in walk_photos(path):
            is_empty = False
            yield PhotoTask(photo)
    except SourceError as error:
        yield failed_task(path, str(error).removeprefix(f"{path}: "))
        return
    if is_empty:
        yield failed_task(path, describe_empty_folder())


@dataclass(frozen=True, slots=True)
class _PictureTask:
    """The picture on stdin, of which the first bytes are read already."""

    head: bytes
    descriptor: int

    @property
    def source(self) -> str:
        return STDIN_NAME

    @property
    def index(self) -> None:
        return

    def __call__(self) -> Frame:
        return decode_photo(STDIN_NAME, self._read_all)

    def _read_all(self) -> bytes:
        chunks, size = [self.head], len(self.head)
        try:
            while chunk := _read(self.descriptor):
                chunks.append(chunk)
                size += len(chunk)
                if size > images.MAX_FILE_BYTES:
                    raise ImageError(STDIN_NAME, f"has more bytes than the limit of {images.MAX_FILE_BYTES:,}")
        except SourceError as error:
            raise ImageError(STDIN_NAME, str(error).removeprefix("-: ")) from error
        return b"".join(chunks)


def _read(descriptor: int) -> bytes:
    try:
        # Not through sys.stdin: a thread that waits inside of its lock would hold up the end of the process.
        return os.read(descriptor, _CHUNK_BYTES)
    except OSError as error:
        raise SourceError(f"-: stdin can't be read ({error.strerror or error})") from error
