"""The same training on another of Keras's backends than TensorFlow, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlx.core.runs import open_run
from tlx.export.keras_model import load_keras_model
from tlx.images import load

WORKER = Path(__file__).with_name("backends_worker.py")
TRAIN = ("-m", "tlx.cli.app", "train", "--weights", "none", "--size", "32")


def run_python(*arguments: str | Path, backend: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_training_on_jax_resumes_and_its_model_is_tensorflows(colour_photos: Path, tmp_path: Path) -> None:
    done = run_python(WORKER, colour_photos, tmp_path, backend="jax")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout.splitlines()[-1])
    undisturbed, resumed = document["histories"]
    assert resumed == undisturbed
    assert len({row["loss"] for row in undisturbed}) == 3
    run = open_run(document["folders"][0])
    assert run.record.environment["training_on"] == "keras on jax"
    model = load_keras_model(run.model_path)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(model.predict_on_batch(pictures), document["probabilities"], atol=1e-4)
    photos = run.photos("validation")
    answers = model.predict_on_batch(np.stack([load(photo.path, (32, 32), "area") for photo in photos])).argmax(axis=1)
    right = [run.labels[answer] == photo.label for answer, photo in zip(answers, photos, strict=True)]
    assert np.mean(right) == run.record.result.validation_accuracy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpus", "all"], "--gpus all: Keras runs on jax here, which chooses itself: leave --gpus out"),
        (["--tensorboard"], "--tensorboard: TensorFlow writes these logs, and Keras runs on jax here: leave it out"),
    ],
)
def test_what_only_tensorflow_can_do_is_refused_in_one_line(
    options: list[str], message: str, colour_photos: Path, tmp_path: Path
) -> None:
    done = run_python(*TRAIN, colour_photos, "--runs", tmp_path / "runs", *options, backend="jax")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == f"tlx: error: {message}"
    assert not list((tmp_path / "runs").glob("*"))


def test_an_unknown_backend_is_named(colour_photos: Path, tmp_path: Path) -> None:
    done = run_python(*TRAIN, colour_photos, "--runs", tmp_path / "runs", backend="abacus")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("tlx: error: KERAS_BACKEND=abacus: Keras can't use it here (")
