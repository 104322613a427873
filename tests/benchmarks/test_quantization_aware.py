"""What learns with the rounded numbers of its int8 file, from the channels that its compression kept."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.compression_records import made_up_compression
from tests.core.narrow_networks import ENOUGH, FEW, classifier, fitted, narrow, write_narrow_run

import quantization_aware
from quantization_aware import Classroom, answers, largest_values, log_odds, rounded_model
from tlx.core.compress.compress import ROWS, pictures_to_survey
from tlx.core.compress.plain import PlainNetwork, build_model
from tlx.core.compress.pruning import Looks, prune, survey
from tlx.core.compress.source import open_source
from tlx.core.compress.teaching import Teaching, hint_layers
from tlx.core.runs import LayerWidthRecord, Run, write_record
from tlx.core.trunk.features import CachePlace
from tlx.errors import InputError
from tlx.export.convert import convert
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos
from tlx.export.precision.ladder import Candidate, make
from tlx.export.precision.targets import THIS_MACHINE, find_target

SEED = 5


@pytest.fixture(scope="module")
def calibration(colour_photos: Path) -> CalibrationPhotos:
    """At 32 pixels."""
    return CalibrationPhotos(sorted(colour_photos.rglob("*.jpg")), (32, 32), "area", "colours")


@pytest.fixture(scope="module")
def pictures(calibration: CalibrationPhotos) -> npt.NDArray[np.uint8]:
    """``uint8 [N, 32, 32, 3]``."""
    return np.concatenate(list(calibration.batches(100)))


@pytest.fixture(scope="module")
def network(calibration: CalibrationPhotos, pictures: npt.NDArray[np.uint8]) -> PlainNetwork:
    """One block and a head, random below the last layer, with one offset for all colours.

    Thirteen layers of random weights would make much of the last digit of the first one.
    """
    plain = narrow(classifier("default"), FEW)
    first, last = plain.dense
    shallow = replace(
        plain,
        size_hw=calibration.size_hw,
        rescaling={**plain.rescaling, "scale": 1.0, "offset": -115.0},
        convolutions=plain.convolutions[:2],
        dense=(replace(first, kernel=first.kernel[: FEW[1]]), last),
    )
    return fitted(shallow, pictures, np.arange(len(pictures)) % 2)


def test_it_answers_as_the_int8_file_does(
    network: PlainNetwork, calibration: CalibrationPhotos, pictures: npt.NDArray[np.uint8]
) -> None:
    fp32 = convert(build_model(network), network.size_hw)
    int8 = make(Candidate("int8", "minmax"), fp32, Calibration(fp32, calibration), find_target(THIS_MACHINE)).proto
    model = rounded_model(network, 0.0, "float32", tops=largest_values(network, calibration))
    wanted = log_odds(answers(int8, pictures))
    rounded, exact = log_odds(model.predict(pictures, verbose=0)), log_odds(answers(fp32, pictures))
    # A number in the middle between two steps may go either way: of some photos, not of most.
    assert np.median(np.abs(rounded - wanted)) < np.median(np.abs(exact - wanted)) / 20


def test_kernels_have_their_steps_and_are_kept_as_they_are(
    network: PlainNetwork, calibration: CalibrationPhotos
) -> None:
    model = rounded_model(network, 0.0, "float32", tops=largest_values(network, calibration))
    exact = build_model(network)
    most = 64 if find_target(THIS_MACHINE).reduce_range else 127
    for name in ("block1_conv1", "block1_conv2", "hidden", "output"):
        kernel, unrounded = (np.asarray(one.get_layer(name).kernel) for one in (model, exact))
        largest = np.abs(unrounded).reshape(-1, unrounded.shape[-1]).max(axis=0)
        steps = kernel / (largest / most)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
        assert np.abs(steps).reshape(-1, steps.shape[-1]).max(axis=0) == pytest.approx(most)
        assert (np.abs(kernel - unrounded) <= 0.501 * largest / most).all()
        np.testing.assert_array_equal(model.get_layer(name).get_weights()[0], unrounded)


def test_the_gradient_goes_through_the_rounding(
    network: PlainNetwork, calibration: CalibrationPhotos, pictures: npt.NDArray[np.uint8]
) -> None:
    model = rounded_model(network, 0.0, "float32", tops=largest_values(network, calibration))
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    before = model.get_weights()
    model.train_on_batch(pictures, np.eye(2)[np.arange(len(pictures)) % 2])
    assert all(not np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


def write_compressed(original: Run, *, merge: bool) -> tuple[Run, dict[str, npt.NDArray[np.int64]]]:
    """Half of the original's channels, and which of them each layer with hints has."""
    source = open_source(original, hold_back=False)
    base, folder = source.network, original.folder.parent / ("merged" if merge else "pruned")
    teaching = Teaching(source, CachePlace(original.folder.parent / "cache"), base.size_hw, {})
    images = pictures_to_survey(base, teaching)
    looked_at, halves = survey(base, images, Looks(ROWS, SEED)), [width // 2 for width in base.channels]
    kept = looked_at.kept(halves)
    small = prune(base, kept, images, Looks(ROWS, SEED), merge=merge)
    folder.mkdir()
    (folder / "photos.json").write_bytes((original.folder / "photos.json").read_bytes())
    build_model(small).save(folder / "model.keras")
    widths = [0, *small.channels] if merge else list(small.channels)
    layers = [
        LayerWidthRecord(name=layer.name, channels=(width, layer.outputs), flops=(1, 1), error=one.error(half))
        for layer, width, one, half in zip(base.convolutions, widths, looked_at.eliminations, halves, strict=True)
    ]
    compression = made_up_compression(original=original.record.name, seed=SEED, layers=layers)
    changes = {"name": folder.name, "started_from": original.record.name, "compression": compression}
    write_record(folder, original.record.model_copy(update=changes))
    hints = {name: kept[place] for name, place in hint_layers(source).items()}
    return Run(folder, original.record.model_copy(update=changes)), hints


@pytest.fixture
def original(tiny_run: Run, narrow_photos: Path, tmp_path: Path) -> Run:
    return write_narrow_run(tmp_path / "original", tiny_run, narrow_photos, preset="default", widths=ENOUGH)


def test_a_survey_that_differs_from_the_records_is_seen(original: Run) -> None:
    run, _ = write_compressed(original, merge=False)
    record = run.record.compression
    assert record is not None
    layers = [*record.layers[:-1], record.layers[-1].model_copy(update={"error": record.layers[-1].error + 0.001})]
    changed = record.model_copy(update={"layers": layers})
    with pytest.raises(InputError, match="pruned: its layers have other errors now"):
        Classroom.open(Run(run.folder, run.record.model_copy(update={"compression": changed})))


@pytest.mark.parametrize("merge", [False, True])
def test_it_learns_from_the_channels_that_were_kept(original: Run, merge: bool) -> None:
    run, kept = write_compressed(original, merge=merge)
    found = Classroom.open(run).kept
    assert found.keys() == kept.keys()
    for name, channels in kept.items():
        np.testing.assert_array_equal(found[name], channels)


def test_another_original_is_refused(original: Run, tiny_run: Run) -> None:
    run, _ = write_compressed(original, merge=False)
    with pytest.raises(InputError, match="pruned was made from original"):
        Classroom.open(run, str(tiny_run.folder))
    with pytest.raises(InputError, match="original: expected a run that 'tlx compress' made"):
        Classroom.open(original)


def test_the_whole_of_it_on_a_narrow_run(original: Run) -> None:
    run, _ = write_compressed(original, merge=True)
    command = [sys.executable, quantization_aware.__file__, str(run.folder), "--passes", "2", "--seeds", "0", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    learned = ["learned on", "learned on, quantization-aware"]
    assert [(row["name"], row["seed"]) for row in result["networks"]] == [
        ("as it is", None),
        *[(name, seed) for seed in (0, 1) for name in learned],
    ]
    assert all(0 < row["log_odds_rms"] < 1 for row in result["networks"])
    plain, aware, other_order = result["networks"][1:4]
    assert len(plain["losses"]) == 2
    assert plain["losses"] != aware["losses"]
    assert plain["losses"] != other_order["losses"]
    assert all(np.isfinite(row["losses"]).all() for row in (plain, aware))
