from __future__ import annotations

from pathlib import Path

import pytest

from tlx.bench.typed_command import typed_command


def test_paths_below_the_working_directory_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["tlx", "bench", f"{tmp_path}/models/a b.onnx", "--photos", str(tmp_path), f"--html={tmp_path}/x.html"]
    assert typed_command(words) == "tlx bench 'models/a b.onnx' --photos . --html=x.html"


def test_a_name_that_looks_like_an_option_stays_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed_command(["tlx", tmp_path / "-o"]) == "tlx ./-o"


def test_other_paths_stay_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    words = ["../models/a.onnx", "runs/../b.onnx", str(tmp_path / "c.onnx"), "--engine", "onnxruntime.*"]
    assert typed_command(words) == f"../models/a.onnx runs/../b.onnx {tmp_path}/c.onnx --engine 'onnxruntime.*'"


def test_the_shells_own_name_of_the_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert typed_command([link / "a.onnx", tmp_path / "real" / "b.onnx"]) == "a.onnx b.onnx"
    # A name of another folder is none of this one.
    monkeypatch.setenv("PWD", str(tmp_path))
    assert typed_command([tmp_path / "a.onnx"]) == f"{tmp_path}/a.onnx"
