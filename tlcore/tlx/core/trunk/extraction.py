"""From photo files through frozen layers: decoding and warping run ahead of computing, on all cores."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.contract import ResizeMethod
from tlx.core.augmentation import Augmentation, ViewKey
from tlx.core.photos import Photo
from tlx.core.views import view_of
from tlx.errors import ImageError, WeightsError
from tlx.runtime.processors import usable_processors

BATCH: Final = 32
BATCHES_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class ViewMaker:
    """Makes the pixels of any view of any photo."""

    augmentation: Augmentation
    seed: int
    size_hw: tuple[int, int]
    resize: ResizeMethod

    def make(self, photo: Photo, number: int) -> npt.NDArray[np.uint8]:
        """Read a photo and make one view of it: ``uint8 [h, w, 3]``, RGB.

        Raises:
            ImageError: If the photo can't be read any more, or its file has changed.
        """
        content = images.read_bytes(photo.path)
        # Another picture's features would stay in the cache under this one's hash.
        if hashlib.sha256(content).hexdigest() != photo.sha256:
            raise ImageError(photo.path, "the file has changed since it was checked: start again")
        key = ViewKey(self.seed, photo.sha256, number)
        image_rgb = images.decode(content, photo.path)
        return view_of(image_rgb, key, augmentation=self.augmentation, size_hw=self.size_hw, resize=self.resize)


def compute_features(
    trunk: Any, jobs: Sequence[tuple[Photo, int]], maker: ViewMaker, batch: int = BATCH
) -> Iterator[npt.NDArray[Any]]:
    """Run frozen layers over views of photos.

    Args:
        trunk: A ``keras.Model`` from ``uint8 [N, h, w, 3]``; ``None`` gives the pixels themselves.
        jobs: Photos and numbers of their views.
        maker: Makes their pixels.
        batch: How many go through the layers at once.

    Yields:
        ``float16 [n, …]`` (``uint8`` for pixels) for each batch, in order.

    Raises:
        ImageError: If a photo can't be read any more.
        WeightsError: If the features are too large to keep.
    """
    with closing(view_batches(jobs, maker, batch)) as batches:
        for views_rgb in batches:
            yield views_rgb if trunk is None else _to_float16(trunk.predict_on_batch(views_rgb))


def view_batches(
    jobs: Sequence[tuple[Photo, int]], maker: ViewMaker, batch: int = BATCH
) -> Generator[npt.NDArray[np.uint8], None, None]:
    """Make views of photos, the next batches in threads while the caller works on one.

    Yields:
        ``uint8 [n, h, w, 3]``, RGB, in order.

    Raises:
        ImageError: If a photo can't be read any more.
    """
    with ThreadPoolExecutor(usable_processors()) as pool:
        waiting: deque[list[Future[npt.NDArray[np.uint8]]]] = deque()
        starts = iter(range(0, len(jobs), batch))
        try:
            while True:
                while len(waiting) < BATCHES_AHEAD and (start := next(starts, None)) is not None:
                    waiting.append([pool.submit(maker.make, *job) for job in jobs[start : start + batch]])
                if not waiting:
                    return
                yield np.stack([future.result() for future in waiting.popleft()])
        finally:
            pool.shutdown(cancel_futures=True)


def _to_float16(output: Any) -> npt.NDArray[np.float16]:
    features = np.asarray(output).astype(np.float32)
    largest = float(np.abs(features).max())
    if not largest < float(np.finfo(np.float16).max):
        raise WeightsError(f"the features reach {largest:g}, too large to keep: these weights can't be VGG16's")
    return features.astype(np.float16)
