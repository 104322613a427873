"""What learns as its int8 file will compute, and what the benchmark of it tells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.narrow_networks import ENOUGH, FEW, classifier, narrow, write_narrow_run

import quantization_aware
from tlx.core.compress.plain import PlainNetwork, build_model
from tlx.core.runs import Run, write_record

Pictures = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def network() -> PlainNetwork:
    """Random weights, 32 pixels."""
    return narrow(classifier("default"), FEW)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """``uint8 [16, 32, 32, 3]``."""
    return np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3)).astype(np.uint8)


def test_a_rounded_model_has_the_rounded_layers_of_the_int8_file(network: PlainNetwork, pictures: Pictures) -> None:
    tops = quantization_aware.largest_values(network, pictures)
    assert tops.keys() == {*(layer.name for layer in network.convolutions), "pooling", "hidden"}
    model = quantization_aware.rounded_model(network, 0.0, "float32", tops=tops)
    exact = build_model(network)
    for name in ("block1_conv1", "block5_conv3", "hidden"):
        kernel, unrounded = (np.asarray(one.get_layer(name).kernel) for one in (model, exact))
        # A scale of each output channel: its largest number becomes 127 steps.
        steps = np.abs(unrounded).reshape(-1, unrounded.shape[-1]).max(axis=0) / 127
        np.testing.assert_allclose(kernel / steps, np.rint(unrounded / steps), atol=1e-3)
        np.testing.assert_array_equal(model.get_layer(name).get_weights()[0], unrounded)


def test_outputs_have_the_steps_of_their_range(network: PlainNetwork, pictures: Pictures) -> None:
    import keras

    tops = quantization_aware.largest_values(network, pictures)
    model = quantization_aware.rounded_model(network, 0.0, "float32", tops=tops)
    names = ["block1_conv1", "block3_conv2", "pooling"]
    watched = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    for name, given in zip(names, watched.predict(pictures, verbose=0), strict=True):
        steps = given * 255 / tops[name]
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
        assert (steps.min(), steps.max()) == (0, pytest.approx(255, abs=3))
        assert len(np.unique(np.rint(steps))) > 20


def test_the_gradient_goes_through_the_rounding(network: PlainNetwork, pictures: Pictures) -> None:
    tops = quantization_aware.largest_values(network, pictures)
    model = quantization_aware.rounded_model(network, 0.0, "float32", tops=tops)
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    before = model.get_weights()
    model.train_on_batch(pictures, np.eye(2)[np.arange(16) % 2])
    changed = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)]
    assert all(changed)


def test_the_whole_of_it_on_narrow_runs(tiny_run: Run, narrow_photos: Path, tmp_path: Path) -> None:
    write_narrow_run(tmp_path / "original", tiny_run, narrow_photos, preset="default")
    few = tuple(width // 2 for width in ENOUGH)
    small = write_narrow_run(tmp_path / "small", tiny_run, narrow_photos, preset="default", widths=few)
    write_record(small.folder, small.record.model_copy(update={"started_from": "original"}))
    command = [sys.executable, quantization_aware.__file__, str(small.folder), "--passes", "2", "--seeds", "0", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    learned = ["learned on", "learned on, quantization-aware"]
    assert [(row["name"], row["seed"]) for row in result["networks"]] == [
        ("as it is", None),
        *[(name, seed) for seed in (0, 1) for name in learned],
    ]
    for row in result["networks"]:
        assert 0 < row["log_odds_rms"] < 1
        assert row["int8"]["accuracy"] == pytest.approx(row["fp32"]["accuracy"], abs=0.2)
    plain, aware = result["networks"][1:3]
    assert len(plain["losses"]) == 2
    assert plain["losses"] != aware["losses"]
    assert plain["losses"] == pytest.approx(aware["losses"], rel=0.3)
