"""From the words on a command line to sources of frames: what a word looks like decides what it is.

Cameras and streams are found first, by :mod:`tlx.runtime.sources.live`. A folder stands for all photos in it and its
subfolders, a pattern for what it matches, ``-`` for what comes in on stdin. Everything that is named is checked to
exist before the first frame is read; what turns out unreadable later is a frame with an error.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from tlx.errors import SourceError
from tlx.runtime.frames import Source
from tlx.runtime.sources.folders import expand_pattern, natural_key, photos_in, walk_photos
from tlx.runtime.sources.photo_or_video import describe_empty_folder, is_photo
from tlx.runtime.sources.photos import PhotoSource
from tlx.runtime.sources.stdin import open_stdin
from tlx.runtime.sources.videos import VideoSource

__all__ = ["natural_key", "open_sources", "photos_in"]

_STDIN: Final = "-"
_PATTERN_CHARACTERS: Final = re.compile(r"[*?\[]")

_Found: TypeAlias = str | Source
"""The path of a photo, or a source."""
_OpenVideo: TypeAlias = Callable[[Path], VideoSource]


def open_sources(
    words: Sequence[str], *, stride: int = 1, start_s: float = 0.0, duration_s: float | None = None
) -> list[Source]:
    """The sources that the words mean, in order; photos beside each other become one source.

    Args:
        words: Files, folders, patterns, or ``-`` for stdin.
        stride: Every how many-th frame of a video is taken; photos are all taken.
        start_s: Where to begin in each video, in seconds.
        duration_s: How much of each video is taken, in seconds; all if None.

    Raises:
        SourceError: If a word means nothing: no such file, a folder without photos, a pattern without a match.
    """
    if list(words).count(_STDIN) > 1:
        raise SourceError("-: stdin can be read only once: name it once")
    open_video = functools.partial(VideoSource, stride=stride, start_s=start_s, duration_s=duration_s)
    sources: list[Source] = []
    photos: list[str] = []
    for found in (item for word in words for item in _find(word, open_video)):
        if isinstance(found, str):
            photos.append(found)
            continue
        if photos:
            sources.append(PhotoSource(tuple(photos)))
            photos = []
        sources.append(found)
    if photos:
        sources.append(PhotoSource(tuple(photos)))
    return sources


def _find(word: str, open_video: _OpenVideo) -> Iterator[_Found]:
    """What one word means: paths of photos, or sources."""
    mode = _mode(word)
    if word == _STDIN:
        yield open_stdin(open_video)
    elif mode is not None:
        yield from _find_file(word, mode, open_video)
    elif _PATTERN_CHARACTERS.search(word):
        yield from _find_matches(word, open_video)
    elif os.path.islink(word):  # noqa: PTH114 - Path("") would be the working folder
        raise SourceError(f"{word}: no such file: this link leads to {os.readlink(word)}, which isn't there")  # noqa: PTH115
    else:
        raise SourceError(f"{word}: no such file, folder or pattern, and no camera number")


def _mode(word: str) -> int | None:
    """What kind of file a word names; None if there is none.

    Raises:
        SourceError: If the disk doesn't say.
    """
    try:
        return os.stat(word).st_mode  # noqa: PTH116 - Path("") would be the working folder
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last: a name with a zero byte
        return None
    except OSError as error:
        raise SourceError(f"{word}: can't be looked at ({error.strerror or error})") from error


def _find_file(path: str, mode: int, open_video: _OpenVideo) -> Iterator[_Found]:
    if stat.S_ISDIR(mode):
        # Spelled as Path spells it: results never had "./" or a double slash in them.
        photos = list(walk_photos(str(Path(path))))
        if not photos:
            raise SourceError(f"{path}: {describe_empty_folder()}")
        yield from photos
    elif not stat.S_ISREG(mode):
        raise SourceError(f"{path}: neither a file nor a folder")
    else:
        yield _photo_or_video(path, open_video)


def _find_matches(pattern: str, open_video: _OpenVideo) -> Iterator[_Found]:
    """What a pattern matches; what of that is unreadable is a frame with an error, as nobody named it himself."""
    matches = expand_pattern(pattern)
    found: dict[str, _Found] = {}
    for match in matches:
        try:
            mode = os.stat(match).st_mode  # noqa: PTH116 - one call, and no Path for each of many
        except OSError:
            mode = stat.S_IFREG  # reading it says why
        if stat.S_ISDIR(mode):
            found |= {photo: photo for photo in _photos_below(match)}
        elif stat.S_ISREG(mode):
            found.setdefault(str(Path(match)), _photo_or_video(match, open_video))
        else:
            found.setdefault(match, match)
    if not found:
        raise SourceError(
            f"{pattern}: no photos in what this pattern matches"
            if matches
            else f"{pattern}: nothing matches this pattern"
        )
    yield from found.values()


def _photos_below(folder: str) -> list[str]:
    try:
        return list(walk_photos(str(Path(folder))))
    except SourceError:
        return [folder]


def _photo_or_video(path: str, open_video: _OpenVideo) -> _Found:
    return str(Path(path)) if is_photo(path) else open_video(Path(path))
