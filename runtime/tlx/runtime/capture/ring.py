"""Pictures in memory that two processes share, without a name anywhere.

It's a memfd: /dev/shm of a container may hold 64 MiB only, and what has a name there outlives a killed process. The
file is as long as pictures may ever get, but memory is only taken by what is written to.
"""

from __future__ import annotations

import mmap
import os
from typing import Final, Self

import numpy as np
import numpy.typing as npt

MAX_PICTURE_BYTES: Final = 3 * 7680 * 4320
"""Of one picture: 8K."""

_SLOTS: Final = 4
_HEADER_BYTES: Final = 64
_SLOT_BYTES: Final = -(-(_HEADER_BYTES + MAX_PICTURE_BYTES) // mmap.PAGESIZE) * mmap.PAGESIZE
_NOTHING: Final = 0


class Ring:
    """A few slots for one picture each, used in turn; one process writes, another reads.

    Each slot begins with the number of its picture, from 1, and 0 while it's being written: whoever finds the same
    number before and after copying has copied one whole picture.
    """

    def __init__(self, file_fd: int, *, writable: bool) -> None:
        """Map a ring.

        Args:
            file_fd: From :meth:`create`; kept open by the caller for as long as it's passed on.
            writable: In one process only.
        """
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        self._map = mmap.mmap(file_fd, _SLOTS * _SLOT_BYTES, access=access)

    @classmethod
    def create(cls) -> tuple[Self, int]:
        """A new one to read from, and the file's descriptor, for the process that writes."""
        file_fd = os.memfd_create("tlx-pictures", os.MFD_CLOEXEC)
        try:
            os.ftruncate(file_fd, _SLOTS * _SLOT_BYTES)
            return cls(file_fd, writable=False), file_fd
        except BaseException:
            os.close(file_fd)
            raise

    def write(self, number: int, image_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Put a picture into its slot, over an old one.

        Args:
            number: From 1, one more each time.
            image_rgb: ``uint8 [H, W, 3]``, of :data:`MAX_PICTURE_BYTES` at most.

        Returns:
            The picture in the ring: intact until as many have been written as there are slots.
        """
        header, pixels = self._slot(number, (image_rgb.shape[0], image_rgb.shape[1]))
        header[0] = _NOTHING
        np.copyto(pixels, image_rgb)
        header[0] = number
        return pixels

    def read(self, number: int, size_hw: tuple[int, int]) -> npt.NDArray[np.uint8] | None:
        """A copy of a picture, ``uint8 [H, W, 3]``; None if a newer one has taken its slot, maybe in the meantime."""
        header, pixels = self._slot(number, size_hw)
        if int(header[0]) != number:
            return None
        image_rgb = pixels.copy()
        return image_rgb if int(header[0]) == number else None

    def close(self) -> None:
        """Let go of the memory; pictures that :meth:`write` returned must be gone."""
        self._map.close()

    def _slot(self, number: int, size_hw: tuple[int, int]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
        offset = number % _SLOTS * _SLOT_BYTES
        height, width = size_hw
        if height * width * 3 > MAX_PICTURE_BYTES:
            raise ValueError(f"a picture of {width} x {height} pixels doesn't fit into the ring")
        header = np.frombuffer(self._map, np.uint64, 1, offset)
        pixels = np.frombuffer(self._map, np.uint8, height * width * 3, offset + _HEADER_BYTES)
        return header, pixels.reshape(height, width, 3)
