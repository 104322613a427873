"""On what a training runs: the choice, several devices (logical ones of a CPU: there is no GPU here), 16 bits."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.core.handover import photos_for_parity, trained_model
from tlx.core.photos import load_dataset
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.run_folder import Start
from tlx.core.runs import Run, open_run
from tlx.core.training.devices import Compute, Precision, _gpu_dtype, choose_compute, parse_gpus
from tlx.core.training.fitting import FitListener
from tlx.core.training.learning import Learned, Lesson, build_for, learn, open_features
from tlx.core.training.sharing import padded_places
from tlx.core.training.state import load_checkpoint
from tlx.core.training.train import Listener, Machine, TrainOptions, find_unfinished, resume, train
from tlx.core.trunk.features import CachePlace
from tlx.errors import DeviceError, InputError
from tlx.export.exporter import ExportPlan, export_model
from tlx.export.keras_model import load_keras_model
from tlx.runtime.environment import processor_flags
from tlx.runtime.model_file import ModelFile

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

    from tlx.core.weights.chain import PretrainedWeights

WORKER = Path(__file__).with_name("devices_worker.py")
FASTEST_DTYPE = "mixed_bfloat16" if {"avx512_bf16", "amx_bf16"} & set(processor_flags()) else "float32"


@pytest.mark.parametrize(("text", "wanted"), [(None, None), ("all", "all"), ("0", 0), ("1", 1), ("16", 16)])
def test_gpus_are_a_number_or_all(text: str | None, wanted: int | str | None) -> None:
    assert parse_gpus(text) == wanted


@pytest.mark.parametrize("text", ["", "-1", "1.5", "two", "ALL", "1,2", "²", "٣", " 1"])
def test_other_gpus_are_refused_before_anything_is_read(text: str) -> None:
    with pytest.raises(InputError, match="expected a number of GPUs, 0 for the CPU, or all"):
        Machine(gpus=text)


@pytest.mark.parametrize(
    ("precision", "capability", "dtype"),
    [
        ("auto", (6, 1), "float32"),  # Pascal: no tensor cores
        ("auto", (7, 5), "mixed_float16"),  # Turing: no bfloat16
        ("auto", (8, 0), "mixed_bfloat16"),
        ("mixed", (9, 0), "mixed_bfloat16"),
        ("float32", (9, 0), "float32"),
    ],
)
def test_a_gpu_computes_in_what_it_has(precision: Precision, capability: tuple[int, int], dtype: str) -> None:
    assert _gpu_dtype(precision, capability) == dtype


@pytest.mark.parametrize(
    ("precision", "gpus", "dtype"),
    [("auto", None, FASTEST_DTYPE), ("float32", "0", "float32"), ("mixed", "0", "mixed_bfloat16")],
)
def test_without_gpus_the_cpu_computes(precision: Precision, gpus: str | None, dtype: str) -> None:
    compute = choose_compute(precision, gpus)
    assert (compute.name, compute.dtype, compute.jit_compile, compute.devices) == ("CPU", dtype, False, 1)


@pytest.mark.parametrize(("gpus", "found"), [("all", "finds no GPU"), ("1", "finds none"), ("3", "finds none")])
def test_gpus_that_are_not_there_are_an_error(gpus: str, found: str) -> None:
    with pytest.raises(DeviceError, match=rf"--gpus {gpus}: TensorFlow {found}: 'tlx doctor' shows more"):
        choose_compute("auto", gpus)


def run_train(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    options = ["--weights", "none", "--size", "32", "--preset", "book-features", "--epochs", "1"]
    command = [sys.executable, "-m", "tlx.cli.app", "train", *map(str, arguments), *options]
    # Nothing may be seen even where there are GPUs: these tests are about their absence.
    environment = os.environ | {"TLX_CACHE": str(folder / "cache"), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("gpus", "code"), [("all", 3), ("two", 2)])
def test_the_command_line_refuses_gpus_in_one_line(gpus: str, code: int, colour_photos: Path, tmp_path: Path) -> None:
    result = run_train(colour_photos, f"--gpus={gpus}", folder=tmp_path)
    assert result.returncode == code, result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"tlx: error: --gpus {gpus}: ")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_gpus_0_trains_on_the_cpu(colour_photos: Path, tmp_path: Path) -> None:
    result = run_train(colour_photos, "--gpus", "0", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    environment = open_run(root=tmp_path / "runs").record.environment
    assert (environment["training_on"], environment["dtype"]) == ("CPU", "float32")


@pytest.mark.parametrize(
    ("count", "devices", "places"),
    [
        (4, 1, [0, 1, 2, 3]),
        (4, 2, [0, 1, 2, 3]),
        (5, 2, [0, 1, 2, 3, 4, 0]),
        (1, 3, [0, 0, 0]),  # fewer photos than devices
        (2, 5, [0, 1, 0, 1, 0]),
    ],
)
def test_batches_are_padded_to_equal_shares(count: int, devices: int, places: list[int]) -> None:
    assert padded_places(count, devices).tolist() == places


@pytest.mark.slow
def test_several_devices_learn_what_one_learns(tmp_path: Path, make_photos: PhotoMaker) -> None:
    """Odd batches, one photo alone, weights of classes, an average, validation, Ctrl-C within an epoch and resume."""
    photos = tmp_path / "photos"
    make_photos(photos / "train", {"blue": 13, "red": 9}, seed=1)
    make_photos(photos / "validation", {"blue": 6, "red": 5}, seed=2)
    command = [sys.executable, str(WORKER), "2", str(photos), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout.splitlines()[-1])
    assert runs.keys() == {"one", "several"}
    one, several = runs["one"]["history"], runs["several"]["history"]
    assert len({row["loss"] for row in one}) == len(one) == 3
    values, right = (np.array([list(row.values()) for row in rows], np.float64) for rows in (several, one))
    np.testing.assert_allclose(values, right, rtol=1e-4)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    opened = {name: open_run(run["folder"]) for name, run in runs.items()}
    outputs = {name: load_keras_model(run.model_path).predict_on_batch(pictures) for name, run in opened.items()}
    np.testing.assert_allclose(outputs["several"], outputs["one"], atol=1e-4)
    assert opened["several"].record.environment["training_on"] == "2 devices (CPU:0, CPU:1)"


def quick_recipe(**changes: Any) -> Recipe:
    """Head, then block5, with dropout and an average of the weights."""
    preset = find_preset("default")
    head, tuning = preset.phases
    return dataclasses.replace(
        preset,
        size_hw=(32, 32),
        preprocessing="rescale",
        phases=(
            dataclasses.replace(head, epochs=1, batch_size=8, views=1),
            dataclasses.replace(tuning, epochs=2, batch_size=8, views=1, ema_decay=0.8, learning_rate=1e-3),
        ),
        **changes,
    )


def interrupt_at(step: int) -> Callable[..., None]:
    """A progress that sends this process a real SIGINT at a step of fine-tuning."""

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del total, note
        if stage == "fine-tuning" and done == step:
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def figures(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


@pytest.fixture(scope="module")
def mixed_run(colour_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Trained in 16 bits, interrupted within an epoch of fine-tuning, and resumed."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("cache")))
        root = tmp_path_factory.mktemp("runs")
        options = TrainOptions(quick_recipe(precision="mixed"), weights="none", runs_root=root)
        with pytest.raises(KeyboardInterrupt):
            train(colour_photos, options, Listener(interrupt_at(2)))
        return resume(find_unfinished(None, root))


def test_a_mixed_training_leaves_a_model_of_32_bits(mixed_run: Run) -> None:
    assert mixed_run.record.environment["dtype"] == "mixed_bfloat16"
    model = load_keras_model(mixed_run.model_path)
    assert {layer.compute_dtype for layer in model.layers if layer.name != "image"} == {"float32"}
    assert {variable.dtype for variable in model.weights} == {"float32"}
    rows = json.loads((mixed_run.folder / "history.json").read_bytes())
    assert len(rows) == 3
    assert all(np.isfinite([row["loss"], row["val_loss"]]).all() for row in rows)


@pytest.mark.slow
def test_a_mixed_training_exports_with_parity(mixed_run: Run, tmp_path: Path) -> None:
    exported = export_model(trained_model(mixed_run), tmp_path / "model.onnx", ExportPlan(photos_for_parity(mixed_run)))
    export = ModelFile.read(exported.path).contract.export
    assert export is not None
    assert export.parity is not None
    assert export.parity.max_abs_difference <= 1e-4


def lesson_for(photos: Path, folder: Path, weights: PretrainedWeights) -> Lesson:
    dataset = load_dataset(photos)
    return Lesson(quick_recipe(), 0, dataset, Start(weights, {}), folder / "checkpoint.npz")


def learn_in(dtype: str, lesson: Lesson, cache: Path, listener: FitListener = FitListener()) -> Learned:
    compute = Compute("CPU", dtype=dtype)
    network = build_for(lesson, compute)
    return learn(lesson, network, open_features(lesson, network, compute, CachePlace(cache)), compute, listener)


def test_float16_scales_its_loss_and_resumes_with_the_scale(
    colour_photos: Path, tmp_path: Path, random_weights: PretrainedWeights
) -> None:
    """What only a GPU of the Volta or Turing kind is given, here on the CPU."""
    cache = tmp_path / "features"
    first, second = (lesson_for(colour_photos, tmp_path / name, random_weights) for name in ("first", "second"))
    for lesson in (first, second):
        lesson.checkpoint.parent.mkdir()
    undisturbed = learn_in("mixed_float16", first, cache)
    rows = undisturbed.state.history
    assert all(np.isfinite([row["loss"], row["val_loss"], row["learning_rate"]]).all() for row in rows)
    assert rows[0]["learning_rate"] == pytest.approx(1e-3)
    with pytest.raises(KeyboardInterrupt):
        learn_in("mixed_float16", second, cache, FitListener(interrupt_at(2)))
    # After two of its own: steps since the scale last changed, and the scale itself.
    steps, scale = load_checkpoint(second.checkpoint).loss_scale[2:4]
    assert (int(steps), float(scale)) == (2, 2.0**15)
    assert figures(learn_in("mixed_float16", second, cache).state.history) == figures(rows)
    assert {variable.dtype for variable in undisturbed.classifier.weights} == {"float32"}


def test_features_of_different_dtypes_are_kept_apart(
    colour_photos: Path, tmp_path: Path, random_weights: PretrainedWeights
) -> None:
    lesson = lesson_for(colour_photos, tmp_path, random_weights)
    photos = lesson.dataset.split("validation")
    features = {}
    for dtype in ("float32", "mixed_bfloat16"):
        compute = Compute("CPU", dtype=dtype)
        store = open_features(lesson, build_for(lesson, compute), compute, CachePlace(tmp_path / "features"))
        assert store.missing(photos, 0) == len(photos)
        features[dtype] = store.rows(photos, 0).take(range(len(photos)))
    difference = np.abs(features["float32"] - features["mixed_bfloat16"]).max()
    assert 0 < difference < 0.05 * np.abs(features["float32"]).max()
