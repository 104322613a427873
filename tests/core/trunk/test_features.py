"""Features are computed when they are first needed, once, whoever asks, and never take more disk than they may."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tlx.core.augmentation import BOOK, DEFAULT, NONE, ViewKey
from tlx.core.photos import Photo
from tlx.core.recipes.presets import find_preset
from tlx.core.training.train import Listener, Machine, TrainOptions, train
from tlx.core.trunk.features import TrunkFeatures
from tlx.core.trunk.store import Rows
from tlx.core.views import view_of
from tlx.errors import ImageError, OutputError, WeightsError
from tlx.images import load, read

if TYPE_CHECKING:
    from tests.core.trunk.conftest import FeatureOpener

SIZE_HW = (32, 32)


class Computed:
    """A progress that counts the views that are computed."""

    def __init__(self) -> None:
        self.views = 0
        self.stages: list[tuple[str, str]] = []
        self._before = 0

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        assert 0 < done <= total
        self.views += done - self._before
        self._before = 0 if done == total else done
        self.stages.append((stage, note))


def everything(rows: Rows) -> Any:
    return rows.take(range(len(rows)))


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_features_are_the_trunks_output_on_each_view(
    trunk: Any, photos: list[Photo], open_features: FeatureOpener
) -> None:
    features = open_features(trunk)
    for number in (0, 3):
        views = np.stack(
            [
                view_of(read(photo.path), ViewKey(0, photo.sha256, number), augmentation=DEFAULT, size_hw=SIZE_HW)
                for photo in photos
            ]
        )
        got = everything(features.rows(photos, number))
        # To half a unit of float16's 11 bits.
        np.testing.assert_allclose(got, trunk.predict_on_batch(views), rtol=2**-11, atol=1e-5)


def test_the_second_time_nothing_is_computed(trunk: Any, photos: list[Photo], open_features: FeatureOpener) -> None:
    computed = Computed()
    features = open_features(trunk)
    first = everything(features.rows(photos, 1, computed))
    assert computed.views == len(photos)
    assert set(computed.stages) == {("computing features", "view 1")}
    assert features.missing(photos, 1) == 0
    for photo in photos:  # nothing could be computed from here on
        photo.path.unlink()
    for again in (features, open_features(trunk)):
        np.testing.assert_array_equal(everything(again.rows(photos, 1, computed)), first)
    assert computed.views == len(photos)


def test_only_new_photos_cost_anything(trunk: Any, photos: list[Photo], open_features: FeatureOpener) -> None:
    open_features(trunk).rows(photos[:25], 0)
    features, computed = open_features(trunk), Computed()
    assert features.missing(photos, 0) == 15
    rows = features.rows(photos[::-1], 0, computed)
    assert computed.views == 15
    whole = dataclasses.replace(photos[0])
    np.testing.assert_array_equal(rows.take([39]), features.rows([whole], 0).take([0]))


def test_a_photo_under_two_names_is_computed_once(photos: list[Photo], open_features: FeatureOpener) -> None:
    computed = Computed()
    rows = open_features().rows([photos[0], photos[1], photos[0]], 0, computed)
    assert computed.views == 2
    np.testing.assert_array_equal(rows.take([0]), rows.take([2]))


def test_the_plain_view_is_shared_and_augmented_ones_are_not(photos: list[Photo], open_features: FeatureOpener) -> None:
    first = open_features(augmentation=DEFAULT, seed=0)
    plain, varied = everything(first.rows(photos, 0)), everything(first.rows(photos, 1))
    assert not np.array_equal(plain, varied)
    for other in (open_features(augmentation=BOOK, seed=0), open_features(augmentation=DEFAULT, seed=1)):
        computed = Computed()
        np.testing.assert_array_equal(everything(other.rows(photos, 0, computed)), plain)
        assert computed.views == 0
        assert not np.array_equal(everything(other.rows(photos, 1, computed)), varied)
        assert computed.views == len(photos)


def test_without_frozen_layers_the_pixels_are_kept(photos: list[Photo], open_features: FeatureOpener) -> None:
    features = open_features(None, augmentation=NONE)
    assert features.row_bytes == 32 * 32 * 3
    taken = everything(features.rows(photos, 0))
    assert taken.dtype == np.uint8
    np.testing.assert_array_equal(taken, np.stack([load(photo.path, SIZE_HW, "area") for photo in photos]))


def test_a_shard_that_another_process_removed_is_computed_again(
    photos: list[Photo], open_features: FeatureOpener, tmp_path: Path
) -> None:
    features = open_features(shard_bytes=1)  # 32 rows each
    first = everything(features.rows(photos, 0))
    shards = sorted((tmp_path / "trunk").glob("*/*.npy"))
    assert len(shards) == 2
    shards[0].unlink()
    lost = np.load(shards[1], mmap_mode="r").shape[0]
    computed = Computed()
    np.testing.assert_array_equal(everything(features.rows(photos, 0, computed)), first)
    assert computed.views == len(photos) - lost


def test_features_beyond_float16_are_refused(photos: list[Photo], open_features: FeatureOpener) -> None:
    from tlx.export.frameworks import import_keras

    keras = import_keras()
    image = keras.Input((*SIZE_HW, 3), dtype="uint8")
    huge = keras.Model(image, keras.layers.Rescaling(1e4)(image))
    huge.compile(jit_compile=False)
    with pytest.raises(WeightsError, match="too large to keep"):
        open_features(huge).rows(photos, 0)


def test_a_cache_that_can_not_be_written_is_an_error(
    photos: list[Photo], open_features: FeatureOpener, tmp_path: Path
) -> None:
    (tmp_path / "trunk").touch()
    with pytest.raises(OutputError):
        open_features().rows(photos, 0)


def view_bytes(features: TrunkFeatures, photos: list[Photo]) -> int:
    return len(photos) * (features.row_bytes + 128) + 128


def test_the_limit_holds_on_disk_and_pinned_rows_stay(
    photos: list[Photo], open_features: FeatureOpener, tmp_path: Path
) -> None:
    validation, training = photos[:10], photos[10:]
    sizes = open_features()
    limit = view_bytes(sizes, validation) + 2 * view_bytes(sizes, training) + 1000
    features = open_features(limit_bytes=limit)
    features.rows(validation, 0)
    features.pin(validation, 0)
    for number in range(1, 7):
        features.rows(training, number)
        assert disk_bytes(tmp_path / "trunk") <= limit
    again = open_features(limit_bytes=limit)
    assert again.missing(validation, 0) == 0
    assert [again.missing(training, number) for number in range(1, 7)] == [30, 30, 30, 30, 0, 0]


def test_the_view_used_longest_ago_makes_room(photos: list[Photo], open_features: FeatureOpener) -> None:
    features = open_features(limit_bytes=2 * view_bytes(open_features(), photos))
    for number in (1, 2, 1, 3):
        features.rows(photos, number)
    assert [open_features().missing(photos, number) for number in (1, 2, 3)] == [0, 40, 0]


def test_views_that_made_room_are_computed_again(photos: list[Photo], open_features: FeatureOpener) -> None:
    """Each view has two shards, room is for three: the views of one epoch always fit, those of two never do."""
    expected = {number: everything(open_features(seed=1).rows(photos, number)) for number in (1, 2)}
    features = open_features(seed=1, limit_bytes=3 * view_bytes(open_features(), photos) // 2, shard_bytes=1)
    for number in (1, 2, 1, 2):
        np.testing.assert_array_equal(everything(features.rows(photos, number)), expected[number])


def test_a_whole_training_stays_within_its_cache_gb(colour_photos: Path, own_cache: Path, tmp_path: Path) -> None:
    """Eight views of 24 photos and one of 12, with room for about three."""
    preset = find_preset("default")
    phases = tuple(dataclasses.replace(phase, epochs=8, batch_size=8, warmup_epochs=0) for phase in preset.phases[1:])
    recipe = dataclasses.replace(preset, size_hw=(32, 32), preprocessing="rescale", phases=phases)
    limit_gb, used = 0.0004, []

    def epoch_ended(row: Any) -> None:
        del row
        used.append(disk_bytes(own_cache / "trunk"))

    options = TrainOptions(recipe, weights="none", runs_root=tmp_path, machine=Machine(cache_gb=limit_gb))
    run = train(colour_photos, options, Listener(epoch_ended=epoch_ended))
    assert run.record.result.epochs == 8
    assert max(used) <= limit_gb * 1e9
    assert max(used) > 0.5 * limit_gb * 1e9
    with pytest.raises(OutputError, match=r"more than the 0\.1 MB of --cache-gb"):
        train(colour_photos, dataclasses.replace(options, machine=Machine(cache_gb=0.0001)))


def test_a_photo_that_was_changed_in_place_is_not_cached_under_its_old_hash(
    photos: list[Photo], open_features: FeatureOpener
) -> None:
    changed = photos[3]
    before = changed.path.read_bytes()
    changed.path.write_bytes(photos[30].path.read_bytes())
    with pytest.raises(ImageError, match="has changed since it was checked"):
        open_features().rows(photos, 0)
    assert open_features().missing([changed], 0) == 1
    changed.path.write_bytes(before)
    assert len(open_features().rows(photos, 0)) == len(photos)
