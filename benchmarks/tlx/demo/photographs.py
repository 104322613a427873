"""The demo's photographs: scikit-image's brick, grass and gravel, cut into tiles that never overlap."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tlx import atomic, images
from tlx.errors import InputError, MissingDependencyError, OutputError
from tlx.opencv import cv2
from tlx.progress import Progress, silent

LABELS: Final = ("brick", "grass", "gravel")
TILE_PIXELS: Final = 64
JPEG_QUALITY: Final = 95

Split = Literal["train", "validation", "test"]
ROWS_OF_SPLIT: Final[dict[Split, slice]] = {
    "train": slice(0, 256),
    "validation": slice(256, 384),
    "test": slice(384, 512),
}
"""Each split has a strip of its own of every 512x512 photograph."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A square of a photograph.

    Attributes:
        path: Of its file, below the photos' folder.
        image_rgb: ``uint8 [64, 64, 3]``.
    """

    split: Split
    path: Path
    image_rgb: npt.NDArray[np.uint8]


def read_photographs() -> dict[str, npt.NDArray[np.uint8]]:
    """The photographs by label, each ``uint8 [512, 512, 3]`` RGB.

    scikit-image itself is not imported: its pictures lie in its folder as plain files.

    Raises:
        MissingDependencyError: If scikit-image isn't installed.
    """
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise MissingDependencyError(
            "the demo's photographs are those of scikit-image, which isn't installed: "
            "run \"pip install 'tlx-edge[demo]'\""
        )
    folder = Path(package.submodule_search_locations[0]) / "data"
    return {label: images.read(folder / f"{label}.png") for label in LABELS}


def cut_tiles(photographs: dict[str, npt.NDArray[np.uint8]]) -> Iterator[Tile]:
    """Cut every photograph on one grid; a tile's row decides its split, so no two tiles share a pixel."""
    for split, rows in ROWS_OF_SPLIT.items():
        for label, photograph_rgb in photographs.items():
            for top in range(rows.start, rows.stop, TILE_PIXELS):
                for left in range(0, photograph_rgb.shape[1], TILE_PIXELS):
                    yield Tile(
                        split,
                        Path(split, label, f"{label}-{top:03d}-{left:03d}.jpg"),
                        photograph_rgb[top : top + TILE_PIXELS, left : left + TILE_PIXELS],
                    )


def write_tiles(
    photographs: dict[str, npt.NDArray[np.uint8]], folder: Path, progress: Progress = silent
) -> dict[Split, list[Path]]:
    """Write every tile as a JPEG file below ``folder/{train,validation,test}/{brick,grass,gravel}``.

    Returns:
        The files of each split.

    Raises:
        InputError: If ``folder`` holds files that aren't the demo's: they would be trained on.
        OutputError: If a file can't be written.
    """
    tiles = list(cut_tiles(photographs))
    _refuse_other_files(folder, {tile.path for tile in tiles})
    files: dict[Split, list[Path]] = {split: [] for split in ROWS_OF_SPLIT}
    for place, tile in enumerate(tiles):
        progress("cutting photographs", place, len(tiles))
        path = folder / tile.path
        atomic.make_folder(path.parent)
        _write_jpeg(path, tile.image_rgb)
        files[tile.split].append(path)
    progress("cutting photographs", len(tiles), len(tiles))
    return files


def _refuse_other_files(folder: Path, expected: set[Path]) -> None:
    present = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    others = sorted(present - expected)
    if others:
        raise InputError(
            f"{folder}: holds {len(others)} files that aren't the demo's (such as {others[0]}): "
            "name another folder with --output, or move them away"
        )


def _write_jpeg(path: Path, image_rgb: npt.NDArray[np.uint8]) -> None:
    done, content = cv2.imencode(
        path.suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise OutputError(f"{path}: OpenCV can't write JPEG files here: reinstall opencv-python")
    atomic.write_bytes(path, content.tobytes())
