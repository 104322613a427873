"""Pictures and workers for the tests of the bench."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlx.bench.plan import EngineSpec, Plan, Workload


@pytest.fixture(scope="session")
def png_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven noisy pictures in two folders, each mostly red, green or blue."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for number in range(7):
        pixels = generator.integers(0, 90, (40, 50, 3), dtype=np.uint8)
        pixels[..., number % 3] += 120
        path = folder / ("first" if number < 4 else "second") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def make_plan(engines: list[EngineSpec], *, rounds: int = 3, photos: tuple[Path, ...] = ()) -> Plan:
    workload = Workload(photos, 0 if photos else 4, classes=3)
    return Plan(tuple(engines), workload, rounds, max_seconds=60.0)
