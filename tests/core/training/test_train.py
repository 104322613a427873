"""Training on real (tiny) photos with the real network at 32 x 32 pixels and random weights."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.core.backbone import build_trunk, read_trunk_weights
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.settings import build
from tlx.core.training.starting import recorded_splits
from tlx.core.training.train import Listener, TrainOptions, train
from tlx.core.weights.chain import load_weights
from tlx.errors import DataError, InputError
from tlx.export.frameworks import import_keras
from tlx.export.keras_model import load_keras_model
from tlx.images import load

if TYPE_CHECKING:
    from tests.conftest import PhotoMaker

    from tlx.core.runs import Run


def quick_options(runs_root: Path, **changes: object) -> TrainOptions:
    recipe = find_preset(str(changes.pop("preset", "features"))).changed(epochs=2, size=32)
    return TrainOptions(recipe, weights="none", runs_root=runs_root, **changes)  # type: ignore[arg-type]


def test_a_run_holds_everything_that_it_should(tiny_run: Run) -> None:
    names = {path.name for path in tiny_run.folder.iterdir()}
    assert names == {
        "run.json",
        "photos.json",
        "history.json",
        "curves.png",
        "model.keras",
        "training.json",
        "report.html",
        "evaluation.json",
        "validation.csv",
    }
    record = tiny_run.record
    assert record.data.labels == ["blue", "red"]
    assert record.data.counts == {"train": {"blue": 12, "red": 12}, "validation": {"blue": 6, "red": 6}}
    assert record.weights.name == "none"
    assert not record.weights.is_imagenet
    assert record.environment["versions"]["keras"]
    history = json.loads((tiny_run.folder / "history.json").read_bytes())
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    kept = history[record.result.kept_epoch - 1]
    assert kept["val_loss"] == min(row["val_loss"] for row in history)
    assert record.result.validation_accuracy == kept["val_accuracy"]
    assert (tiny_run.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_counts_vgg16_as_the_book_does(tiny_run: Run) -> None:
    layers = tiny_run.record.layers
    assert sum(layer.parameters for layer in layers if layer.name.startswith("block")) == 14_714_688
    assert tiny_run.record.trainable_tensors == (4, 30)
    assert {layer.name for layer in layers if layer.trainable} == {"hidden", "output"}


def test_the_saved_model_is_the_one_that_was_validated(tiny_run: Run) -> None:
    """The whole network on pixels does what the head did on cached features."""
    model = load_keras_model(tiny_run.model_path)
    photos = tiny_run.photos("validation")
    images = np.stack([load(photo.path, (32, 32), "area") for photo in photos])
    said = np.asarray(model.predict_on_batch(images)).argmax(axis=1)
    truth = [tiny_run.labels.index(photo.label) for photo in photos]
    assert float((said == truth).mean()) == tiny_run.record.result.validation_accuracy


def test_three_classes_with_the_books_preset(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 12, "green": 12, "blue": 12})
    run = train(tmp_path / "photos", quick_options(tmp_path / "runs", preset="book-features"))
    assert run.labels == ["blue", "green", "red"]
    assert load_keras_model(run.model_path).output_shape == (None, 3)
    assert run.record.result.kept_epoch == 2


def test_the_same_seed_gives_the_same_history(tmp_path: Path, colour_photos: Path) -> None:
    histories = []
    for seed in (3, 3, 4):
        run = train(colour_photos, quick_options(tmp_path / "runs", seed=seed))
        rows = json.loads((run.folder / "history.json").read_bytes())
        histories.append([(row["loss"], row["val_loss"]) for row in rows])
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_from_continues_an_earlier_run_with_more_photos(
    tiny_run: Run, tmp_path: Path, colour_photos: Path, make_photos: PhotoMaker
) -> None:
    more = tmp_path / "more"
    shutil.copytree(colour_photos, more)
    make_photos(more / "train" / "red", {"red": 5}, seed=9)
    # So small a step shows where the training started.
    phase = dataclasses.replace(tiny_run.recipe.phases[0], epochs=1, learning_rate=1e-12)
    recipe = dataclasses.replace(tiny_run.recipe, phases=(phase,))
    run = train(more, TrainOptions(recipe, started_from=tiny_run, runs_root=tmp_path / "runs"))
    assert run.record.started_from == tiny_run.record.name
    assert run.record.weights.sha256 == tiny_run.record.weights.sha256
    assert sum(run.record.data.counts["train"].values()) == 29
    assert run.record.result.validation_loss == pytest.approx(tiny_run.record.result.validation_loss, rel=1e-3)


def test_from_refuses_other_classes(tiny_run: Run, tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 4, "green": 4})
    with pytest.raises(DataError, match="knows the classes blue, red"):
        train(tmp_path / "photos", TrainOptions(tiny_run.recipe, started_from=tiny_run, runs_root=tmp_path / "runs"))
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize("head", [{"units": 8}, {"binary_sigmoid": True}, {"pooling": "flatten"}])
def test_from_refuses_another_head(tiny_run: Run, tmp_path: Path, colour_photos: Path, head: dict[str, object]) -> None:
    recipe = build(Recipe, {"head": head}, source="mine.toml", base=tiny_run.recipe)
    with pytest.raises(InputError, match=r"\[head\] must be as it was there"):
        train(colour_photos, TrainOptions(recipe, started_from=tiny_run, runs_root=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_from_tells_where_validation_photos_were_learned_from(
    tiny_run: Run, tmp_path: Path, colour_photos: Path
) -> None:
    swapped = tmp_path / "swapped"
    shutil.copytree(colour_photos / "train", swapped / "validation")
    shutil.copytree(colour_photos / "validation", swapped / "train")
    told: list[str] = []
    options = TrainOptions(tiny_run.recipe.changed(epochs=1), started_from=tiny_run, runs_root=tmp_path / "runs")
    train(swapped, options, Listener(notify=told.append))
    assert f"24 of the 24 validation photos are ones that {tiny_run.record.name} was trained on" in " ".join(told)


def test_photos_of_a_run_before_the_earlier_one_stay_where_they_were(
    tiny_run: Run, tmp_path: Path, make_photos: PhotoMaker
) -> None:
    make_photos(tmp_path / "others", {"red": 6, "blue": 6}, seed=8)
    recipe = tiny_run.recipe.changed(epochs=1)
    second = train(tmp_path / "others", TrainOptions(recipe, started_from=tiny_run, runs_root=tmp_path / "runs"))
    recorded = recorded_splits(second)
    for run in (tiny_run, second):
        for split in ("train", "validation"):
            photos = run.photos(split)
            assert {recorded[photo.sha256] for photo in photos} == {split}


def test_from_a_fine_tuned_run_names_it(tmp_path: Path, colour_photos: Path) -> None:
    preset = find_preset("default")
    phase = dataclasses.replace(preset.phases[1], epochs=1, warmup_epochs=0, views=0)
    recipe = dataclasses.replace(preset, size_hw=(32, 32), phases=(phase,))
    first = train(colour_photos, TrainOptions(recipe, weights="none", runs_root=tmp_path))
    second = train(colour_photos, TrainOptions(recipe, started_from=first, runs_root=tmp_path))
    assert first.record.weights.name == "none"
    assert second.record.weights.name == f"fine-tuned in {first.record.name}"
    assert second.record.weights.sha256 != first.record.weights.sha256


def test_too_small_an_input_is_refused(tmp_path: Path, colour_photos: Path) -> None:
    options = TrainOptions(find_preset("features").changed(size=16), weights="none", runs_root=tmp_path / "runs")
    with pytest.raises(InputError, match="at least 32 pixels"):
        train(colour_photos, options)


def test_left_out_photos_are_told_and_recorded(tmp_path: Path, make_photos: PhotoMaker) -> None:
    make_photos(tmp_path / "photos", {"red": 10, "blue": 10})
    (tmp_path / "photos/red/0.jpg").write_bytes(b"")
    told: list[str] = []
    run = train(tmp_path / "photos", quick_options(tmp_path / "runs"), Listener(notify=told.append))
    assert [line for line in told if line.startswith("left out: ")] == [f"left out: {run.record.data.problems[0]}"]
    assert len(run.record.data.problems) == 1


def test_the_trunk_is_keras_own_vgg16_with_its_own_preprocessing() -> None:
    keras = import_keras()
    weights = load_weights("none")
    reference = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    for name, layer in weights.layers.items():
        reference.get_layer(name).set_weights([layer.kernel, layer.bias])
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    prepared = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    expected = reference.predict_on_batch(prepared)
    got = build_trunk(weights, (64, 64), "imagenet").predict_on_batch(images)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * expected.max())
    book = build_trunk(weights, (64, 64), "rescale").predict_on_batch(images)
    np.testing.assert_allclose(book, reference.predict_on_batch(images.astype(np.float32) / 255), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("preprocessing", ["imagenet", "rescale"])
def test_weights_survive_the_way_into_a_model_and_back(preprocessing: str) -> None:
    weights = load_weights("none")
    trunk = build_trunk(weights, (32, 32), preprocessing)  # type: ignore[arg-type]
    assert read_trunk_weights(trunk, preprocessing, "again").sha256 == weights.sha256  # type: ignore[arg-type]
