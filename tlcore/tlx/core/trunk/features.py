"""Frozen layers run once: their features for each view of each photo, computed when first needed and kept on disk.

Features are keyed by content (the photo's hash, the view's number and ranges; the frozen weights, size and
preprocessing), so they are never stale, photos added later cost only themselves, and a killed training loses at most
the shard that it was filling.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tlx import atomic
from tlx.core.photos import Photo
from tlx.core.trunk import budget
from tlx.core.trunk.extraction import BATCH, ViewMaker, compute_features
from tlx.core.trunk.spec import TrunkSpec, View
from tlx.core.trunk.store import FeatureStore, Rows
from tlx.errors import OutputError
from tlx.progress import Progress, silent

_MOST_SHARDS: Final = 256
"""Of one view: each is an open file, and a process may have about a thousand."""
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class CachePlace:
    """Where features are kept.

    Attributes:
        root: Holds a folder for each :meth:`TrunkSpec.key`.
        limit_bytes: What all of them may take.
        shard_bytes: About how much is computed before it's written: what a killed process loses (more where a view
            would take very many shards).
    """

    root: Path
    limit_bytes: int = round(budget.DEFAULT_LIMIT_GB * 1e9)
    shard_bytes: int = 64_000_000


class TrunkFeatures:
    """The features of one trunk, computed as they are asked for."""

    def __init__(self, trunk: Any, spec: TrunkSpec, maker: ViewMaker, place: CachePlace) -> None:
        """Open the stores.

        Args:
            trunk: The ``keras.Model`` that ``spec`` describes; ``None`` if its layer is the pixels themselves.
            spec: What the features depend on.
            maker: Makes the views.
            place: Where they are kept.
        """
        self._trunk = trunk
        self._maker = maker
        self._place = place
        self._plain = FeatureStore(place.root / spec.key())
        self._varied = FeatureStore(place.root / spec.key((maker.augmentation, maker.seed)))
        self._row_bytes = _row_bytes(trunk, maker)
        self._pinned: set[Path] = set()

    @property
    def row_bytes(self) -> int:
        """What the features of one view take."""
        return self._row_bytes

    def pin(self, photos: Iterable[Photo], number: int) -> None:
        """Never remove these rows to make room, as long as this object is in use."""
        store = self._store(number)
        self._pinned |= store.shards(View(photo.sha256, number) for photo in photos)

    def missing(self, photos: Iterable[Photo], number: int) -> int:
        """How many of ``photos`` lack this view."""
        store = self._store(number)
        return sum(View(photo.sha256, number) not in store for photo in photos)

    def rows(self, photos: Sequence[Photo], number: int, progress: Progress = silent) -> Rows:
        """Give one view of each photo, computing what isn't there.

        Args:
            photos: In the order of the rows.
            number: Of the view.
            progress: Told of each batch that is computed.

        Raises:
            ImageError: If a photo can't be read any more.
            OutputError: If the cache can't be written or read, or others leave no room in it.
        """
        store = self._store(number)
        views = [View(photo.sha256, number) for photo in photos]
        for _ in range(_TRIES):
            self._compute(store, photos, number, progress)
            # Room may have been made since the indexes were read, for a later view or by another process.
            with contextlib.suppress(KeyError):
                return store.open(views)
        raise OutputError(
            f"{self._place.root}: other trainings take the features away as fast as they are computed: "
            "allow all of them more by --cache-gb, or train one after the other"
        )

    def _store(self, number: int) -> FeatureStore:
        return self._varied if number else self._plain

    def _compute(self, store: FeatureStore, photos: Sequence[Photo], number: int, progress: Progress) -> None:
        lacking = {photo.sha256: photo for photo in photos if View(photo.sha256, number) not in store}
        jobs = [(photo, number) for photo in lacking.values()]
        wanted = self._pinned | store.shards(View(photo.sha256, number) for photo in photos)
        shard_bytes = max(self._place.shard_bytes, len(jobs) * self._row_bytes // _MOST_SHARDS)
        rows_a_shard = max(1, shard_bytes // self._row_bytes // BATCH) * BATCH
        batches: list[Any] = []
        first = 0
        for batch in compute_features(self._trunk, jobs, self._maker):
            batches.append(batch)
            done = first + sum(map(len, batches))
            progress("computing features", done, len(jobs), f"view {number}" if number else "")
            if done - first >= rows_a_shard or done == len(jobs):
                self._add(store, jobs[first:done], np.concatenate(batches), wanted)
                first, batches = done, []

    def _add(self, store: FeatureStore, jobs: Sequence[tuple[Photo, int]], features: Any, wanted: set[Path]) -> None:
        views = [View(photo.sha256, number) for photo, number in jobs]
        atomic.make_folder(self._place.root)
        for_bytes = features.nbytes + len(views) * budget.INDEX_BYTES
        budget.make_room(self._place.root, limit_bytes=self._place.limit_bytes, for_bytes=for_bytes, keep=wanted)
        store.add(views, features)
        wanted |= store.shards(views)


def _row_bytes(trunk: Any, maker: ViewMaker) -> int:
    if trunk is None:
        return maker.size_hw[0] * maker.size_hw[1] * 3
    return int(np.prod(trunk.output_shape[1:])) * np.dtype(np.float16).itemsize
