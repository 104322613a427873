"""Fixtures that every part of the tests shares."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "cats_dogs"


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """The real photos: ``{train,validation}/{cats,dogs}/*.jpg``."""
    if not SHARED_PHOTOS.is_dir():
        pytest.skip(f"the real photos are not here ({SHARED_PHOTOS.name} beside the checkout is absent)")
    return SHARED_PHOTOS
