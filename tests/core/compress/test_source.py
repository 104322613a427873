"""What can be compressed, and from which photos."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.core.compression_records import made_up_compression
from tests.core.narrow_networks import Told

from tlx.core.compress.source import open_source, require_head_that_fits
from tlx.core.recipes.layers import PIXELS
from tlx.core.runs import Run, open_run, write_record
from tlx.errors import DataError, InputError
from tlx.export.frameworks import import_keras

if TYPE_CHECKING:
    from tests.core.compress.conftest import RunWriter


def copied(run: Run, folder: Path) -> Run:
    """A copy of a run with photos of its own."""
    shutil.copytree(run.folder, folder / "run")
    shutil.copytree(run.record.data.root, folder / "photos")
    data = run.record.data.model_copy(update={"root": str(folder / "photos")})
    write_record(folder / "run", run.record.model_copy(update={"data": data}))
    return open_run(folder / "run")


def test_a_source_is_the_network_and_all_photos(narrow_run: Run) -> None:
    told = Told()
    source = open_source(narrow_run, hold_back=False, progress=told)
    assert (len(source.photos), len(source.held_back), len(source.validation)) == (80, 0, 24)
    assert source.network.size_hw == (32, 32)
    assert source.network.parameters() == source.model.count_params()
    labels = [narrow_run.labels[number] for number in source.classes(source.photos)]
    assert labels == [photo.label for photo in source.photos]
    assert told == [("checking photos", number, 104) for number in range(105)]


def test_half_of_the_validation_photos_chooses_and_the_other_judges(narrow_run: Run) -> None:
    source = open_source(narrow_run, hold_back=True)
    chosen, judging = set(source.held_back), set(source.validation)
    assert not chosen & judging
    assert chosen | judging == set(narrow_run.photos("validation"))
    assert {photo.label for photo in chosen} == {photo.label for photo in judging} == {"blue", "red"}
    assert set(source.photos) == set(narrow_run.photos("train"))
    assert open_source(narrow_run, hold_back=True).held_back == source.held_back


def test_with_too_few_photos_for_choices_the_way_out_is_named(narrow_run: Run, tmp_path: Path) -> None:
    run = copied(narrow_run, tmp_path)
    listed = run.folder / "photos.json"
    chosen = {photo.sha256 for photo in open_source(run, hold_back=True).held_back if photo.label == "red"}
    rows = [row for row in json.loads(listed.read_bytes()) if row["sha256"] not in chosen]
    listed.write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"too few for two halves, .* give --speedup or --latency-ms alone"):
        open_source(run, hold_back=True)
    assert open_source(run, hold_back=False).held_back == ()


def test_a_head_whose_moments_would_fill_the_memory_is_refused(narrow_run: Run) -> None:
    network = replace(open_source(narrow_run, hold_back=False).network, pooling="flatten", size_hw=(160, 160))
    require_head_that_fits(network.with_channels([64] * 12 + [512]))
    with pytest.raises(InputError, match=r"the head takes 18,432 features, 'tlx compress' at most 12,800: train with"):
        require_head_that_fits(replace(network, size_hw=(192, 192)).with_channels([64] * 12 + [512]))


def remove(path: Path) -> None:
    path.unlink()


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize(
    ("act", "message"),
    [
        (remove, "compression learns from the photos that the run was trained on"),
        (change, "not the photo that the run was trained on any more: put it back, or train"),
    ],
)
def test_photos_that_are_gone_or_changed_are_refused_by_name(
    narrow_run: Run, tmp_path: Path, split: str, act: Callable[[Path], None], message: str
) -> None:
    run = copied(narrow_run, tmp_path)
    path = tmp_path / "photos" / split / "red" / "5.jpg"
    act(path)
    with pytest.raises(DataError, match=message) as caught:
        open_source(run, hold_back=False)
    assert str(path) in str(caught.value)


def test_a_network_of_another_kind_is_refused(narrow_run: Run, tmp_path: Path) -> None:
    keras = import_keras()
    shutil.copytree(narrow_run.folder, tmp_path / "run")
    image = keras.Input((32, 32, 3), dtype="uint8")
    tensor = keras.layers.Conv2D(8, 3, activation="relu", padding="same")(keras.layers.Rescaling(1 / 255)(image))
    tensor = keras.layers.BatchNormalization(name="between")(tensor)
    tensor = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(tensor))
    keras.Model(image, tensor).save(tmp_path / "run" / "model.keras")
    with pytest.raises(InputError, match="between: a layer that 'tlx compress' doesn't know"):
        open_source(open_run(tmp_path / "run"), hold_back=False)


def test_a_smaller_input_takes_the_same_weights(write_run: RunWriter) -> None:
    source = open_source(write_run("larger", size=64), hold_back=False)
    smaller = source.resized(32)
    assert (smaller.size_hw, smaller.channels) == ((32, 32), source.network.channels)
    assert smaller.flops() < source.network.flops() / 3
    assert source.resized(None) is source.network
    assert source.resized(64) is source.network
    for size in (16, 65, 128):
        with pytest.raises(InputError, match=f"--size {size}: expected 32 to 64 pixels"):
            source.resized(size)


def test_a_head_that_takes_every_pixel_keeps_the_size(flattened_run: Run) -> None:
    source = open_source(flattened_run, hold_back=False)
    assert source.resized(32) is source.network
    with pytest.raises(InputError, match="--size 64: the head of flattened takes every pixel, so its size stays"):
        source.resized(64)


def test_a_compressed_run_has_no_part_whose_features_a_training_kept(augmented_run: Run) -> None:
    source = open_source(augmented_run, hold_back=False)
    assert source.cut_layer == "block4_pool"
    record = augmented_run.record.model_copy(update={"compression": made_up_compression()})
    assert replace(source, run=Run(augmented_run.folder, record)).cut_layer == PIXELS
