"""Frozen layers run once: their features for each photo, computed ahead of training and kept on disk.

Features are keyed by content (the photo's hash; the network's weights, size and preprocessing), so they are
never stale, and photos added later cost only themselves. They lie in shards: a float16 array and, written after it,
an index that names its rows. A shard appears whole or not at all, so any number of processes may add some at
once, and a killed one loses at most the shard that it was filling.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.contract import ResizeMethod
from tlx.core.photos import Photo
from tlx.core.recipes import Preprocessing
from tlx.errors import WeightsError
from tlx.images import load
from tlx.progress import Progress, silent
from tlx.runtime.processors import usable_processors

BATCH = 32
BATCHES_AHEAD = 3
ROWS_A_SHARD = 512
FORMAT = 1


@dataclass(frozen=True, slots=True)
class TrunkSpec:
    """All that features depend on beside the photo itself."""

    weights_sha256: str
    size_hw: tuple[int, int]
    preprocessing: Preprocessing
    resize: ResizeMethod
    layer: str = "block5_pool"

    @property
    def key(self) -> str:
        """A name for the folder of these features."""
        parts = (FORMAT, self.weights_sha256, self.size_hw, self.preprocessing, self.resize, self.layer)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class FeatureCache:
    """Shards of features in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, tuple[Path, int]] = {}
        for index in sorted(folder.glob("*.json")):
            for row, sha256 in enumerate(json.loads(index.read_bytes())["photos"]):
                self._rows[sha256] = (index.with_suffix(".npy"), row)

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._rows

    def gather(self, photos: Sequence[Photo]) -> npt.NDArray[np.float32]:
        """Read the features of ``photos``: ``float32 [N, h, w, channels]``, in their order."""
        shards: dict[Path, Any] = {}
        gathered: npt.NDArray[np.float32] | None = None
        for place, photo in enumerate(photos):
            path, row = self._rows[photo.sha256]
            if path not in shards:
                shards[path] = np.load(path, mmap_mode="r")
            shard = shards[path]
            if gathered is None:
                gathered = np.empty((len(photos), *shard.shape[1:]), np.float32)
            gathered[place] = shard[row]
        if gathered is None:
            raise ValueError("expected at least one photo")
        return gathered

    def add(self, photos: Sequence[Photo], features: npt.NDArray[np.float16]) -> None:
        """Write one shard: the array first, then the index that makes it count."""
        atomic.make_folder(self._folder)
        data = self._folder / f"{uuid.uuid4().hex}.npy"
        with atomic.replacing(data) as temporary:
            np.save(temporary, features)
        atomic.write_json(data.with_suffix(".json"), {"format": FORMAT, "photos": [photo.sha256 for photo in photos]})
        for row, photo in enumerate(photos):
            self._rows[photo.sha256] = (data, row)


def frozen_features(
    trunk: Any, photos: Sequence[Photo], *, spec: TrunkSpec, cache_root: Path, progress: Progress = silent
) -> npt.NDArray[np.float32]:
    """Give the features of ``photos``, computing only those that the cache lacks.

    Args:
        trunk: The model of :func:`tlx.core.backbone.build_trunk`.
        photos: Any number of at least one.
        spec: What the features depend on; must describe ``trunk``.
        cache_root: Where the caches of all specs lie.
        progress: Told of each batch.

    Returns:
        ``float32 [N, h, w, channels]``, in the order of ``photos`` (rounded to float16 on the way).

    Raises:
        ImageError: If a photo can't be read any more.
        OutputError: If the cache can't be written.
    """
    cache = FeatureCache(cache_root / spec.key)
    missing = list({photo.sha256: photo for photo in photos if photo.sha256 not in cache}.values())
    for start in range(0, len(missing), ROWS_A_SHARD):
        part = missing[start : start + ROWS_A_SHARD]
        batches = []
        for batch in compute_features(trunk, [photo.path for photo in part], size_hw=spec.size_hw, resize=spec.resize):
            batches.append(batch)
            progress("extracting features", start + sum(map(len, batches)), len(missing))
        cache.add(part, _to_float16(np.concatenate(batches)))
    return cache.gather(photos)


def compute_features(
    trunk: Any, paths: Sequence[Path], *, size_hw: tuple[int, int], resize: ResizeMethod
) -> Iterator[npt.NDArray[np.float32]]:
    """Run the trunk over photo files, decoding the next batches while one is computed.

    Yields:
        ``float32 [n, h, w, channels]`` for each batch, in order.
    """

    def load_one(path: Path) -> npt.NDArray[np.uint8]:
        return load(path, size_hw, resize)

    with ThreadPoolExecutor(usable_processors()) as pool:
        waiting: deque[list[Future[npt.NDArray[np.uint8]]]] = deque()
        starts = iter(range(0, len(paths), BATCH))
        try:
            while True:
                while len(waiting) < BATCHES_AHEAD and (start := next(starts, None)) is not None:
                    waiting.append([pool.submit(load_one, path) for path in paths[start : start + BATCH]])
                if not waiting:
                    return
                images = np.stack([future.result() for future in waiting.popleft()])
                yield np.asarray(trunk.predict_on_batch(images))
        finally:
            pool.shutdown(cancel_futures=True)


def _to_float16(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    largest = float(np.abs(features).max())
    if not largest < np.finfo(np.float16).max:
        raise WeightsError(f"the features reach {largest:g}, too large to keep: these weights can't be VGG16's")
    return features.astype(np.float16)
