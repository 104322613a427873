"""The pictures that a timed engine classifies, made into arrays inside its worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlx.runtime.timing.protocol import Setup

Images = npt.NDArray[np.uint8]


def load_batches(setup: Setup) -> list[Images]:
    """Decode and resize a worker's pictures.

    Returns:
        Batches ``uint8 [batch, H, W, 3]`` that cover every picture once; the last one is filled up from the
        beginning.
    """
    stacked = np.load(setup.arrays) if setup.arrays else load_pictures(setup)
    starts = range(0, len(stacked), setup.batch)
    return [stacked[np.arange(start, start + setup.batch) % len(stacked)] for start in starts]


def load_pictures(setup: Setup) -> Images:
    """A worker's pictures, decoded and resized: ``uint8 [N, H, W, 3]`` RGB."""
    # Only here: a worker that is given arrays may live where there is no OpenCV.
    from tlx.images import load
    from tlx.known_answers import synthetic_picture

    size_hw = (setup.size_hw[0], setup.size_hw[1])
    if setup.photos:
        return np.stack([load(Path(photo), size_hw, setup.resize) for photo in setup.photos])
    return np.stack([synthetic_picture(seed, size_hw) for seed in range(setup.synthetic)])
