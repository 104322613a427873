"""Fixtures of the tests of tlx.core.compress: runs of narrow networks, and compressions of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.narrow_networks import FEW, quicken, write_narrow_run

from tlx import images

if TYPE_CHECKING:
    from tlx.core.runs import Run


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


@pytest.fixture(scope="session")
def pictures(colour_photos: Path) -> npt.NDArray[np.uint8]:
    """``uint8 [36, 32, 32, 3]``."""
    return np.stack([images.load(path, (32, 32), "area") for path in sorted(colour_photos.rglob("*.jpg"))])


class RunWriter(Protocol):
    """Writes a run of a narrow network; see :func:`tests.core.narrow_networks.write_narrow_run`."""

    def __call__(self, name: str, *, preset: str = ..., size: int = ..., widths: tuple[int, ...] = ...) -> Run: ...


@pytest.fixture(scope="session")
def write_run(tiny_run: Run, narrow_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunWriter:
    """Writes a run of a narrow network on :func:`narrow_photos`."""

    def write(name: str, *, preset: str = "features", size: int = 32, widths: tuple[int, ...] = FEW) -> Run:
        folder = tmp_path_factory.mktemp("runs") / name
        return write_narrow_run(folder, tiny_run, narrow_photos, preset=preset, size=size, widths=widths)

    return write


@pytest.fixture(scope="session")
def augmented_run(tiny_run: Run, narrow_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """As ``narrow_run``, trained from block5 up on augmented views."""
    return write_narrow_run(tmp_path_factory.mktemp("runs") / "augmented", tiny_run, narrow_photos, preset="default")


@pytest.fixture(scope="session")
def flattened_run(write_run: RunWriter) -> Run:
    """With a head that takes every pixel and gives one number."""
    return write_run("flattened", preset="book-features")


@pytest.fixture(scope="session")
def compressed_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache that :func:`compressed` filled."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def compressed(narrow_run: Run, compressed_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``narrow_run`` made one and a half times as fast."""
    from tlx.core.compress.bounds import Bounds
    from tlx.core.compress.compress import compress
    from tlx.core.compress.options import Options

    with quick_cache(compressed_cache):
        bounds, root = Bounds(speedup=1.5), tmp_path_factory.mktemp("compressed")
        return compress(narrow_run, Options(bounds, minutes=0.2, int8=False, threads=1, runs_root=root))


@contextmanager
def quick_cache(cache: Path) -> Iterator[None]:
    """For fixtures that last: what the tests set for themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_CACHE", str(cache))
        quicken(patch)
        yield
