"""Processes that are killed while they write the cache, and others that go on with what they left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.core.photos import Photo
from tlx.core.trunk.features import TrunkFeatures
from tlx.core.trunk.spec import View
from tlx.core.trunk.store import FeatureStore

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker
    from tests.core.trunk.conftest import FeatureOpener

# What the fixture opens, in a process of its own, with shards of 32 rows.
COMPUTE = """
import hashlib, sys
from pathlib import Path
from tlx.core.augmentation import DEFAULT
from tlx.core.photos import Photo
from tlx.core.trunk.extraction import ViewMaker
from tlx.core.trunk.features import CachePlace, TrunkFeatures
from tlx.core.trunk.spec import TrunkSpec

paths = sorted(Path(sys.argv[1]).rglob("*.jpg"))
photos = [Photo(path, path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest(), "train") for path in paths]
spec = TrunkSpec("0" * 64, (32, 32), "rescale", "area", layer="image")
maker = ViewMaker(DEFAULT, 0, (32, 32), "area")
features = TrunkFeatures(None, spec, maker, CachePlace(Path(sys.argv[2]), shard_bytes=1))
print("ready", flush=True)
for number in range(8):
    features.rows(photos, number)
print("done", flush=True)
"""
VIEWS = range(8)
SHARDS = 8 * 3
"""Of 80 photos: 32, 32 and 16 rows, for each view."""


@pytest.fixture
def photos(make_photos: PhotoMaker, tmp_path: Path) -> list[Photo]:
    from tests.core.trunk.conftest import as_photos

    make_photos(tmp_path / "photos", {"red": 40, "green": 40}, seed=6)
    return as_photos(sorted((tmp_path / "photos").rglob("*.jpg")))


def start(tmp_path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMPUTE, str(tmp_path / "photos"), str(tmp_path / "trunk")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def files(cache: Path) -> list[str]:
    return [path.name for path in cache.glob("*/*")]


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 6, 9, 13, 20])
def test_what_a_killed_process_leaves_is_whole_and_the_next_one_finishes(
    photos: list[Photo], open_features: FeatureOpener, tmp_path: Path, moment: int
) -> None:
    """Killed as soon as so many files are there, hidden ones included."""
    cache = tmp_path / "trunk"
    process = start(tmp_path)
    deadline_s = time.monotonic() + 60
    while len(files(cache)) < moment:
        assert process.poll() is None
        assert time.monotonic() < deadline_s
    process.kill()
    process.communicate()
    assert process.returncode == -9
    left = {name for name in files(cache) if name.endswith(".json") and not name.startswith(".")}
    assert len(left) < SHARDS, "killed too late to show anything"
    again = open_features()
    found = 0
    for folder in cache.iterdir():
        store = FeatureStore(folder)
        for index in folder.glob("[!.]*.json"):
            views = [View(*row) for row in json.loads(index.read_bytes())["views"]]
            assert np.isfinite(store.open(views).take(range(len(views)))).all()
            found += len(views)
    lacking = sum(again.missing(photos, number) for number in VIEWS)
    assert lacking == len(VIEWS) * len(photos) - found
    output, _ = start(tmp_path).communicate(timeout=60)
    assert output == "done\n"
    assert [open_features().missing(photos, number) for number in VIEWS] == [0] * len(VIEWS)
    resumed = [everything(open_features(), photos, number) for number in VIEWS]
    shutil.rmtree(cache)
    undisturbed = open_features()
    for number in VIEWS:
        np.testing.assert_array_equal(resumed[number], everything(undisturbed, photos, number))


def everything(features: TrunkFeatures, photos: list[Photo], number: int) -> Any:
    return features.rows(photos, number).take(range(len(photos)))
