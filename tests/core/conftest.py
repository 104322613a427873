"""Fixtures of the tests of tlx.core."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tlx.core.weights.chain import PretrainedWeights


@pytest.fixture(scope="session")
def random_weights() -> PretrainedWeights:
    """Weights that need no download."""
    from tlx.core.weights.chain import load_weights

    return load_weights("none")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home, no cache, no network: every way to ImageNet's weights is cut. Gives the home."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("TLX_CACHE", "XDG_CACHE_HOME", "KERAS_HOME", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    nobody = "http://127.0.0.1:9"
    for name, value in {
        "HOME": str(home),
        "no_proxy": "",
        "http_proxy": nobody,
        "https_proxy": nobody,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": f"{nobody}/simple",
        "PIP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
