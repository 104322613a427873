"""The pictures that a timed engine classifies, made into arrays inside its worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tlx.images import load
from tlx.known_answers import synthetic_picture
from tlx.runtime.timing.protocol import Setup

Images = npt.NDArray[np.uint8]


def load_batches(setup: Setup) -> list[Images]:
    """Decode and resize a worker's pictures.

    Returns:
        Batches ``uint8 [batch, H, W, 3]`` that cover every picture once; the last one is filled up from the
        beginning.
    """
    size_hw = (setup.size_hw[0], setup.size_hw[1])
    if setup.photos:
        pictures = [load(Path(photo), size_hw, setup.resize) for photo in setup.photos]
    else:
        pictures = [synthetic_picture(seed, size_hw) for seed in range(setup.synthetic)]
    stacked = np.stack(pictures)
    starts = range(0, len(stacked), setup.batch)
    return [stacked[np.arange(start, start + setup.batch) % len(stacked)] for start in starts]
