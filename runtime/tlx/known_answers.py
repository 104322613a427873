"""Seeded synthetic pictures for the known answers of a contract.

Made by formula from integers alone, so that every machine makes the same bytes: no random generator of a
library whose stream may change, no floating point, no user's photo.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def synthetic_picture(seed: int, size_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A picture with gradients, edges and texture.

    Args:
        seed: Any whole number from 0; each gives another picture.
        size_hw: Height and width in pixels.

    Returns:
        ``uint8 [H, W, 3]``, RGB, 0–255.
    """
    rows = np.arange(size_hw[0], dtype=np.int64)[:, None]
    columns = np.arange(size_hw[1], dtype=np.int64)[None, :]
    channels = []
    for channel in range(3):
        # Odd multipliers from a 32-bit mixer (MurmurHash3's finalizer constants).
        mixed = (seed * 3 + channel + 1) * 0x85EBCA6B % 2**32
        mixed = (mixed ^ (mixed >> 13)) * 0xC2B2AE35 % 2**32
        gradient = rows * (mixed % 7 + 1) + columns * (mixed // 7 % 5 + 1)
        checks = (rows // (mixed % 23 + 8) + columns // (mixed // 23 % 19 + 8)) % 2 * 96
        texture = (rows * rows * (mixed % 3 + 1) + columns * (mixed // 11 % 13 + 3) + rows * columns) // 16 % 48
        channels.append((gradient + checks + texture) % 256)
    return np.stack(channels, axis=-1).astype(np.uint8)
