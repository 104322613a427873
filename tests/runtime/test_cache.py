"""Where caches lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlx.cache import cache_folder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "/home/someone/.cache/tlx"),
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/tlx"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/someone/.cache/tlx"),
        ({"XDG_CACHE_HOME": ""}, "/home/someone/.cache/tlx"),
        ({"TLX_CACHE": "/mine", "XDG_CACHE_HOME": "/caches"}, "/mine"),
        ({"TLX_CACHE": "~/mine"}, "/home/someone/mine"),
        ({"TLX_CACHE": ""}, "/home/someone/.cache/tlx"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    for name in ("TLX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_cache_folder_is_absolute_when_its_variable_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLX_CACHE", "here")
    assert cache_folder() == tmp_path / "here"
