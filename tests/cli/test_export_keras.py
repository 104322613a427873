"""``tlx export --keras`` as a person runs it: the book's file from end to end, and one line for each mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.cli.app import run

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker
    from tests.keras_2_files import Keras2Writer

OPTIONS = ["--labels", "blue,red", "--preprocess", "rescale", "--resize", "nearest"]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, write_keras_2: Keras2Writer, make_photos: PhotoMaker) -> Path:
    """A folder with a convnet in the layout of the book's files, labels, and photos of two colours."""
    from tlx.export.frameworks import import_keras

    folder = tmp_path_factory.mktemp("book")
    keras = import_keras()
    layers = keras.layers
    convolution, head = layers.Conv2D(3, 1, activation="relu"), layers.Dense(1, activation="sigmoid")
    parts = [convolution, layers.MaxPooling2D(4), layers.Flatten(), layers.Dropout(0.5), head]
    model = keras.Sequential([keras.Input((16, 16, 3)), *parts])
    convolution.set_weights([np.eye(3).reshape(1, 1, 3, 3), np.zeros(3)])
    # Red against blue, averaged over 4 x 4 places.
    head.set_weights([np.tile([[0.5], [0], [-0.5]], (16, 1)), np.zeros(1)])
    write_keras_2(model, folder / "colours_small_1.h5")
    make_photos(folder / "photos", {"blue": 8, "red": 8})
    (folder / "labels.txt").write_text("blue\nred\n")
    return folder


def run_tlx(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tlx.cli.app", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_book_s_file_is_exported_proven_and_classifies(book: Path) -> None:
    options = ["--labels", "labels.txt", "--preprocess", "rescale", "--resize", "nearest"]
    result = run_tlx("export", "m.onnx", "--keras", "colours_small_1.h5", *options, "--photos", "photos", folder=book)
    assert result.returncode == 0, result.stderr
    size, parity, accuracy = result.stdout.splitlines()
    assert size.endswith("from colours_small_1.h5")
    assert parity.startswith("parity with Keras: same label on 16 of 16 photos")
    assert accuracy == "accuracy: right on 16 of 16 labelled photos (1.000), better than guessing"
    assert "WARNING" not in result.stderr
    said = run_tlx("classify", "m.onnx", "photos/red/0.jpg", "--format", "json", "--quiet", folder=book)
    assert json.loads(said.stdout)["label"] == "red"
    document = json.loads(run_tlx("info", "m.onnx", "--format", "json", folder=book).stdout)
    assert document["contract"]["resize"]["method"] == "nearest"
    assert document["contract"]["export"]["claim"]["correct"] == 16


def test_without_labelled_photos_it_says_what_was_not_measured(book: Path, tmp_path: Path) -> None:
    photos = ["--photos", str(book / "photos/red")]
    file = str(book / "colours_small_1.h5")
    result = run_tlx("export", "m.onnx", "--keras", file, *OPTIONS, *photos, "--quiet", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[2].startswith("accuracy: not measured, the photos lie in no folders called like")
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--keras needs --labels cats,dogs|FILE.txt, --preprocess imagenet|rescale|signed|none, --resize"),
        ([*OPTIONS], "--keras needs --photos DIR: a Keras file doesn't say how it was trained"),
        ([*OPTIONS, "--photos", "absent"], "absent: no such folder: name a folder of photos"),
        ([*OPTIONS, "--photos", "colours_small_1.h5"], "colours_small_1.h5: is a file, not a folder"),
        ([*OPTIONS, "--photos", "."], "expected a folder with photos"),
        ([*OPTIONS, "--photos", "photos", "--run", "latest"], "--run latest and --keras colours_small_1.h5: name one"),
        ([*OPTIONS, "--photos", "photos", "--size", "32"], "takes pictures of 16 x 16 pixels: leave out --size 32"),
        ([*OPTIONS, "--photos", "photos", "--labels", "red"], "expected at least 2 labels"),
        (
            [*OPTIONS, "--photos", "photos", "--labels", "red,green"],
            "the model knows the classes red, green, these photos are also of blue",
        ),
        (
            [*OPTIONS, "--photos", "photos/red", "--min-accuracy", "0.9"],
            "--min-accuracy needs labelled photos: give photos/red one folder of photos for each label (blue, red)",
        ),
    ],
)
def test_a_mistake_is_one_line_before_tensorflow_starts(
    book: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(book)
    (book / "empty").mkdir(exist_ok=True)
    arguments = ["empty" if part == "." else part for part in arguments]
    assert run(["export", "model.onnx", "--keras", "colours_small_1.h5", *arguments]) == 2
    stderr = capfd.readouterr().err
    assert message in stderr
    assert len(stderr.splitlines()) == 1
    assert not (book / "model.onnx").exists()


@pytest.mark.parametrize(
    "option",
    [["--labels", "a,b"], ["--preprocess", "none"], ["--resize", "area"], ["--size", "8"], ["--min-accuracy", "0"]],
)
def test_what_is_said_of_a_file_goes_with_a_file(option: list[str], capfd: Any) -> None:
    assert run(["export", "model.onnx", *option]) == 2
    assert f"{option[0]} goes with --keras FILE: a run knows its own" in capfd.readouterr().err


def test_a_file_that_brings_code_is_refused_unexecuted(book: Path, tmp_path: Path) -> None:
    import h5py

    evil = tmp_path / "evil.h5"
    evil.write_bytes((book / "colours_small_1.h5").read_bytes())
    with h5py.File(evil, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        code = {"class_name": "function", "module": "os", "config": "mkdir", "registered_name": "mkdir"}
        node = {"class_name": "Lambda", "config": {"name": "l", "function": code, "arguments": {"mode": 511}}}
        config["config"].insert(1, node)
        file.attrs["model_config"] = json.dumps(config).encode()
    photos = ["--photos", str(book / "photos")]
    result = run_tlx("export", "model.onnx", "--keras", str(evil), *OPTIONS, *photos, folder=tmp_path)
    assert result.returncode == 2
    assert (
        "holds a Lambda layer, which is code that tlx does not run from a file: build the model again" in result.stderr
    )
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.h5"]
