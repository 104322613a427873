"""What the words of a whole classification mean together."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tlx.errors import SourceError
from tlx.runtime.asked import Asked, Engine, Reading
from tlx.runtime.job import find_sources


def asked(*words: str) -> Asked:
    return Asked(Engine(Path("model.onnx")), Reading(words))


def test_streams_that_differ_only_in_what_is_not_told_get_names_of_their_own() -> None:
    words = [f"rtsp://{user}:hunter{user}@cam/{path}" for user, path in (("a", 1), ("b", 1), ("a", 2), ("c", 1))]
    live = find_sources(asked(*words)).live
    assert [source.name for source in live] == ["rtsp://cam/1", "rtsp://cam/1 #2", "rtsp://cam/2", "rtsp://cam/1 #3"]
    assert [source.address for source in live] == words


def test_one_camera_under_two_words_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    for words in (("pipe", "./pipe"), ("link", "pipe"), ("http://u:hunter2@cam/", "http://u:hunter2@cam/")):
        with pytest.raises(SourceError, match=re.escape(": named twice: a camera can be read once")) as caught:
            find_sources(asked(*words))
        assert "hunter2" not in str(caught.value)
