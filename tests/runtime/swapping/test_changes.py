from __future__ import annotations

import os
from pathlib import Path

from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish
from tlx.runtime.swapping.changes import Settling, Sight, look


def sight(number: int) -> Sight:
    return Sight("m.onnx", (number, 10, 1))


def news(settling: Settling, *sights: Sight) -> list[bool]:
    return [settling.is_news(one) for one in sights]


def test_what_is_known_is_no_news() -> None:
    assert news(Settling(sight(1)), sight(1), sight(1), sight(1)) == [False] * 3


def test_a_change_is_news_once_and_when_it_holds_still() -> None:
    seen = (sight(2), sight(3), sight(4), sight(4), sight(4), sight(4))
    assert news(Settling(sight(1)), *seen) == [False, False, False, True, False, False]


def test_back_to_what_was_before_is_news_again() -> None:
    settling = Settling(sight(1))
    assert news(settling, sight(2), sight(2)) == [False, True]
    assert news(settling, sight(1), sight(1)) == [False, True]


def test_a_file_that_is_away_for_one_look_is_no_news() -> None:
    gone = Sight("m.onnx", None, "no model file is there")
    assert news(Settling(sight(1)), gone, sight(1), sight(1), sight(1)) == [False] * 4
    assert news(Settling(sight(1)), gone, gone, gone) == [False, True, False]


def test_look_sees_every_kind_of_change(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert look(path).problem is not None
    path.write_bytes(tiny_model.read_bytes())
    first = look(path)
    assert (first.file, first.problem) == (str(path), None)
    assert look(path) == first
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)  # the same bytes and time: only the inode tells
    assert look(path) != first
    assert look(tmp_path / ("x" * 300)).problem is not None


def test_look_follows_a_models_folder(tiny_model: Path, tmp_path: Path) -> None:
    file = ModelFile.read(tiny_model)
    publish(tmp_path / "models", file)
    seen = look(tmp_path / "models")
    assert seen.file == str(tmp_path / "models" / file.sha256 / "model.onnx")
    (tmp_path / "models" / "current").unlink()
    gone = look(tmp_path / "models")
    assert gone.stamp is None
    assert "has no current model" in (gone.problem or "")
