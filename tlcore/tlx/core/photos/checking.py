"""Every file decoded once, before the first step of training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.core.photos.folders import broken_link
from tlx.errors import ImageError
from tlx.images import decode, read_bytes
from tlx.progress import Progress, silent
from tlx.runtime.processors import usable_processors

TINY_SIDE: Final = 32
"""A photo whose shorter side has fewer pixels is tiny: VGG16 halves its input five times, so that 32 pixels are the
smallest input of the network, and a smaller photo is blown up at any ``--size``. Tiny photos are kept, because whole
data sets are so (MNIST: 28 pixels); among others they are mostly thumbnails or icons, so they are listed."""

_AT_ONCE: Final = 1024
"""Files that are handed to the threads at once; an upper bound on what waits in memory for one slow file."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A file that holds a whole picture: content hash in hex, height and width in pixels, upright."""

    sha256: str
    size_hw: tuple[int, int]

    @property
    def is_tiny(self) -> bool:
        """See :data:`TINY_SIDE`."""
        return min(self.size_hw) < TINY_SIDE


def check_photos(paths: Sequence[Path], progress: Progress = silent) -> list[Sound | ImageError]:
    """Decode files on all processors; a content that was met before is not decoded again.

    Memory is bounded by the pictures being decoded, one a processor; what stays is a hash and a size for each file.

    Returns:
        For each path, in order, what it holds or why it can't be used.
    """
    known: dict[str, Sound] = {}
    results: list[Sound | ImageError] = []
    with ThreadPoolExecutor(usable_processors()) as pool:
        try:
            for start in range(0, len(paths), _AT_ONCE):
                for result in pool.map(lambda path: _check(path, known), paths[start : start + _AT_ONCE]):
                    results.append(result)
                    progress("checking photos", len(results), len(paths))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _check(path: Path, known: dict[str, Sound]) -> Sound | ImageError:
    try:
        content = read_bytes(path)
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 not in known:
            height, width, _ = decode(content, path).shape
            known[sha256] = Sound(sha256, (height, width))
    except ImageError as error:
        reason = broken_link(path)
        return ImageError(path, reason) if reason else error
    return known[sha256]
