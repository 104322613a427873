"""How much feature extraction from photo files costs over a bare forward pass on ready arrays.

Both run the same network in the same process, in turn over the same parts of the photos, so that a change of the
machine's speed hits both alike:

    python benchmarks/extraction.py ../shared/data/cats_dogs --photos 3000

Prints one JSON object; ``--output FILE`` also writes it. The aim is a ratio of at most 1.15.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx.core.augmentation import NONE
from tlx.core.backbone import build_trunk
from tlx.core.photos import Photo
from tlx.core.trunk.extraction import BATCH, ViewMaker, compute_features
from tlx.core.weights.chain import load_weights
from tlx.images import PHOTO_SUFFIXES, load
from tlx.runtime import environment

PARTS = 12
CANDIDATE_BATCHES = (8, 16, 32, 64, 128)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder of photos, with or without subfolders")
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--size", type=int, default=150, help="pixels")
    parser.add_argument("--weights", default="imagenet", help="imagenet, a file, or none for random ones")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.data.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    paths = [path for path in paths if "test" not in path.relative_to(arguments.data).parts][: arguments.photos]
    result = measure(paths, (arguments.size, arguments.size), arguments.weights)
    deliver(result, arguments.output)


def measure(paths: list[Path], size_hw: tuple[int, int], weights: str) -> dict[str, Any]:
    """Time both ways over ``paths``, part by part, in turn."""
    trunk = build_trunk(load_weights(weights), size_hw, "imagenet")
    warm_up = np.stack([load(path, size_hw) for path in paths[: max(CANDIDATE_BATCHES)]])
    by_batch = {batch: min(time_bare(trunk, warm_up, batch) for _ in range(2)) for batch in CANDIDATE_BATCHES}
    best_batch = min(by_batch, key=lambda batch: by_batch[batch])
    bare_s, extraction_s = [], []
    for part in np.array_split(np.arange(len(paths)), PARTS):
        part_paths = [paths[place] for place in part]
        arrays = np.stack([load(path, size_hw) for path in part_paths])
        bare_s.append(time_bare(trunk, arrays, best_batch))
        extraction_s.append(time_extraction(trunk, part_paths, size_hw))
    ratios = [extraction / bare for extraction, bare in zip(extraction_s, bare_s, strict=True)]
    return {
        "benchmark": "extraction",
        "photos": len(paths),
        "size_hw": size_hw,
        "parts": PARTS,
        "ratio": sum(extraction_s) / sum(bare_s),
        "ratio_by_part": {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)},
        "bare_s": sum(bare_s),
        "extraction_s": sum(extraction_s),
        "bare_batch": best_batch,
        "bare_ms_per_photo_by_batch": {str(batch): seconds / len(warm_up) * 1e3 for batch, seconds in by_batch.items()},
        "extraction_batch": BATCH,
        "environment": environment.describe(),
    }


def time_bare(trunk: Any, images: npt.NDArray[np.uint8], batch: int) -> float:
    """Seconds of the forward pass alone, over ready arrays, in the batches of TensorFlow's own compiled function."""
    trunk.predict_on_batch(images[:batch])
    started_s = time.perf_counter()
    for start in range(0, len(images), batch):
        trunk.predict_on_batch(images[start : start + batch])
    return time.perf_counter() - started_s


def time_extraction(trunk: Any, paths: list[Path], size_hw: tuple[int, int]) -> float:
    """Seconds from photo files to features, as training does it."""
    jobs = [
        (Photo(path, path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest(), "train"), 0) for path in paths
    ]
    maker = ViewMaker(NONE, 0, size_hw, "area")
    started_s = time.perf_counter()
    for _ in compute_features(trunk, jobs, maker):
        pass
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main()
