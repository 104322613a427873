"""Shards of features on disk: which rows there are, and reading and adding some.

A shard is a float16 array (``uint8`` for pixels) and, written after it, an index that names its rows. Either appears
whole or not at all, so any number of processes may add shards at once, and a killed one loses at most the shard that it
was filling. Arrays are memory-mapped; what was read is given back to the system as soon as it's copied, so that memory
doesn't grow with the cache.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx import atomic
from tlx.core.trunk.spec import FORMAT, View
from tlx.errors import OutputError

Features = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Place:
    shard: Path
    row: int


class FeatureStore:
    """The shards in one folder."""

    def __init__(self, folder: Path) -> None:
        """Read the indexes; those that are damaged count as absent."""
        self._folder = folder
        self._places: dict[View, _Place] = {}
        for index in sorted(folder.glob("[!.]*.json")):  # a hidden one is being written
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                self._learn(index.with_suffix(".npy"), [View(*row) for row in json.loads(index.read_bytes())["views"]])

    def __contains__(self, view: View) -> bool:
        return view in self._places

    def add(self, views: Sequence[View], features: Features) -> None:
        """Write one shard: the array first, then the index that makes it count.

        Args:
            views: A name for each row.
            features: ``[len(views), …]``.

        Raises:
            OutputError: If the disk is full or the folder not writable.
        """
        atomic.make_folder(self._folder)
        data = self._folder / f"{uuid.uuid4().hex}.npy"
        with atomic.replacing(data) as temporary:
            _write_array(temporary, features)
        atomic.write_json(data.with_suffix(".json"), {"format": FORMAT, "views": views})
        self._learn(data, views)

    def open(self, views: Sequence[View]) -> Rows:
        """Give access to the rows of ``views``, in their order.

        Raises:
            KeyError: If some aren't here (any more), since room was made. They are all forgotten then.
            OutputError: If a shard is there and can't be read.
        """
        places = [self._places[view] for view in views]
        shards = {place.shard for place in places}
        maps = {shard: array for shard in shards if (array := _open_shard(shard)) is not None}
        if gone := shards - maps.keys():
            self._places = {view: place for view, place in self._places.items() if place.shard not in gone}
            raise KeyError(*gone)
        return Rows([maps[place.shard] for place in places], [place.row for place in places])

    def shards(self, views: Iterable[View]) -> set[Path]:
        """The array files that hold some of ``views``."""
        return {self._places[view].shard for view in views if view in self._places}

    def _learn(self, shard: Path, views: Iterable[View]) -> None:
        for row, view in enumerate(views):
            self._places[view] = _Place(shard, row)


def _write_array(path: Path, array: Features) -> None:
    """Write what ``np.save`` would: it hides why it failed, so that a full disk couldn't be named."""
    rows = np.ascontiguousarray(array)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(rows))
        file.write(rows.data)


class Rows:
    """Memory-mapped rows in a chosen order."""

    def __init__(self, arrays: Sequence[Features], rows: Sequence[int]) -> None:
        self._arrays = arrays
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row: ``(h, w, channels)``."""
        return tuple(self._arrays[0].shape[1:])

    def take(self, places: Iterable[int]) -> Features:
        """Copy some rows: ``float32 [n, h, w, channels]`` (``uint8`` for pixels)."""
        chosen = list(places)
        pixels = self._arrays[chosen[0]].dtype == np.uint8
        taken = np.empty((len(chosen), *self.shape), np.uint8 if pixels else np.float32)
        for place, row in enumerate(chosen):
            taken[place] = self._arrays[row][self._rows[row]]
        for array in {id(self._arrays[row]): self._arrays[row] for row in chosen}.values():
            _release(array)
        return taken


def _open_shard(shard: Path) -> Features | None:
    """Map a shard's array and note that it's used; ``None`` if it's gone or damaged."""
    try:
        array: Features = np.load(shard, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    except OSError as error:
        raise OutputError(f"{shard}: can't be read ({error.strerror}): remove it, or set TLX_CACHE") from error
    # The least recently used go first. The system's own clock for files is too coarse to tell which was used last.
    now_ns = time.time_ns()
    with contextlib.suppress(OSError):  # somebody else's cache
        os.utime(shard.with_suffix(".json"), ns=(now_ns, now_ns))
    return array


def _release(array: Features) -> None:
    """Take the pages out of this process's memory; they stay in the system's cache."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)
