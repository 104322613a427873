"""Photos, a tiny trunk, and features over both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tlx.core.augmentation import DEFAULT, Augmentation
from tlx.core.photos import Photo
from tlx.core.trunk.extraction import ViewMaker
from tlx.core.trunk.features import CachePlace, TrunkFeatures
from tlx.core.trunk.spec import TrunkSpec

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

SIZE_HW = (32, 32)


def as_photos(paths: Sequence[Path]) -> list[Photo]:
    return [Photo(path, path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest(), "train") for path in paths]


@pytest.fixture
def photos(make_photos: PhotoMaker, tmp_path: Path) -> list[Photo]:
    """Forty photos in a folder of their own."""
    make_photos(tmp_path / "photos", {"red": 20, "green": 20}, seed=5)
    return as_photos(sorted((tmp_path / "photos").rglob("*.jpg")))


@pytest.fixture(scope="session")
def trunk() -> Any:
    """From ``uint8 [N, 32, 32, 3]`` to ``float32 [N, 4, 4, 8]``."""
    from tlx.export.frameworks import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE_HW, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    model = keras.Model(image, keras.layers.Conv2D(8, 8, strides=8)(pixels))
    model.compile(jit_compile=False)
    return model


class FeatureOpener(Protocol):
    """Opens the features of photos as a process of its own would; the trunk is :func:`trunk` or the pixels."""

    def __call__(
        self, trunk: Any = ..., *, augmentation: Augmentation = ..., seed: int = ..., **place: int
    ) -> TrunkFeatures: ...


@pytest.fixture
def open_features(tmp_path: Path) -> FeatureOpener:
    def open_(trunk: Any = None, *, augmentation: Augmentation = DEFAULT, seed: int = 0, **place: int) -> TrunkFeatures:
        spec = TrunkSpec("0" * 64, SIZE_HW, "rescale", "area", layer="image" if trunk is None else "conv")
        maker = ViewMaker(augmentation, seed, SIZE_HW, "area")
        return TrunkFeatures(trunk, spec, maker, CachePlace(tmp_path / "trunk", **place))

    return open_
