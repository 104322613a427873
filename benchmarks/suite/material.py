"""What the benchmarks are run on: photos, a run, its model files, a clip."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tlx import atomic
from tlx.core.runs import open_run
from tlx.errors import InputError
from tlx.images import PHOTO_SUFFIXES, read
from tlx.opencv import cv2

TLX: Final = (sys.executable, "-m", "tlx.cli.app")
WHOLE: Final = frozenset({0, 1, 2})
"""Exit codes of `tlx bench` with a whole document: 1 where an engine's answers are wrong, 2 where one failed."""
FP32: Final = "fp32.onnx"
CLIP_HW: Final = (480, 640)
QUICK_PHOTOS: Final = 12
QUICK_PIXELS: Final = 32


@dataclass(frozen=True, slots=True)
class Material:
    """Where everything is.

    Attributes:
        data: Folder with ``train/`` and ``validation/``.
        run: A finished run's folder.
        models: Folder of its model files.
        exported: Folder in which the benchmark of the export makes them; another one where the files are given.
        clip: A video of the photos.
        quick: Tiny everything: whether the benchmarks run, not what they find.
        compressed: What `tlx compress` made of the run, if it's there already.
    """

    data: Path
    run: Path
    models: Path
    exported: Path
    clip: Path
    quick: bool
    compressed: Path | None = None

    @property
    def photos(self) -> Path:
        """Those that no training has seen."""
        return self.data / "validation"

    @property
    def photo(self) -> Path:
        """One of them."""
        return photos_below(self.photos)[0]

    @property
    def fp32(self) -> Path:
        """The exact model file."""
        return self.models / FP32

    @property
    def int8(self) -> Path:
        """The cheaper one, if the gates let it pass."""
        return self.models / "int8.onnx"

    def names(self) -> dict[str, str]:
        """What its paths are called in results."""
        runs = [self.run, self.compressed] if self.compressed else [self.run]
        return {
            str(self.data): "photos",
            **{str(run): f"runs/{run.name}" for run in runs},
            str(self.models): "models",
            str(self.exported): "models",
            str(self.clip): self.clip.name,
        }


def gather(data: Path, run: str, work: Path, *, models: Path | None = None, compressed: str | None = None) -> Material:
    """The real thing: a finished run and its photos.

    Raises:
        InputError: If a folder of models is given that lacks the exact one.
    """
    folder = open_run(run).folder.resolve()
    exported = (work / "models").resolve()
    if models and not (models / FP32).is_file():
        raise InputError(f"--models {models}: has no {FP32}: leave the option out, and the run is exported")
    smaller = open_run(compressed).folder.resolve() if compressed else None
    material = Material(
        data.resolve(),
        folder,
        (models or exported).resolve(),
        exported,
        work / "clip.avi",
        quick=False,
        compressed=smaller,
    )
    write_clip(photos_below(material.photos)[:150], material.clip)
    return material


def make_quickly(work: Path) -> Material:
    """Made-up photos, and a network with random weights that was trained on them for a moment."""
    data = work / "photos"
    for split in ("train", "validation"):
        write_photos(data / split, seed=len(split))
    words = ["--preset", "features", "--weights", "none", "--size", str(QUICK_PIXELS), "--epochs", "1", "--quiet"]
    _run([*TLX, "train", str(data), *words, "--runs", str(work / "runs")])
    run = open_run("latest", work / "runs").folder
    material = Material(data, run, work / "models", work / "models", work / "clip.avi", quick=True)
    write_clip(photos_below(material.photos), material.clip)
    return material


def write_photos(folder: Path, seed: int) -> None:
    """Noisy photos of two colours."""
    random = np.random.default_rng(seed)
    for label, colour_bgr in (("blue", (200, 40, 40)), ("red", (40, 40, 200))):
        atomic.make_folder(folder / label)
        for number in range(QUICK_PHOTOS):
            pixels = np.clip(np.array(colour_bgr) + random.normal(0, 30, (48, 64, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / label / f"{number}.jpg"), pixels)


def photos_below(folder: Path) -> list[Path]:
    """All photos, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)


def write_clip(photos: Sequence[Path], path: Path) -> None:
    """A video whose frames are the photos."""
    height, width = CLIP_HW
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (width, height))
    try:
        for photo in photos:
            frame_rgb = cv2.resize(read(photo), (width, height), interpolation=cv2.INTER_AREA)
            writer.write(cv2.cvtColor(frame_rgb, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
