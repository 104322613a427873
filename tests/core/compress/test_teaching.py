"""What the original says of views: the same as asked directly, whichever parts came from the cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.narrow_networks import mixed_up, with_precision

from tlx.core.compress import teaching as teaching_module
from tlx.core.compress.bounds import Bounds
from tlx.core.compress.judging import CHOICE_VIEWS, Choice, Judge
from tlx.core.compress.source import Source, open_source
from tlx.core.compress.teaching import Teaching, hint_layers, plan_place
from tlx.core.recipes.layers import cut_before
from tlx.core.recipes.presets import find_preset
from tlx.core.runs import Run
from tlx.core.training.train import TrainOptions, train
from tlx.core.trunk.features import CachePlace
from tlx.errors import OutputError
from tlx.export.frameworks import import_keras
from tlx.export.keras_model import class_probabilities

if TYPE_CHECKING:
    from tests.core.compress.conftest import RunWriter

KEPT = np.array([1, 4, 7])


def open_teaching(source: Source, cache: Path, size: int = 32, layer: str | None = None) -> Teaching:
    """One that tells of some channels of a layer."""
    return Teaching(source, CachePlace(cache / "trunk"), (size, size), {layer: KEPT} if layer else {})


def asked_directly(source: Source, pixels: npt.NDArray[np.uint8], layer: str) -> tuple[Any, Any]:
    """Probabilities and a layer's output of the whole model."""
    keras = import_keras()
    model = source.model
    both = keras.Model(model.input, [model.output, model.get_layer(layer).output])
    said, maps = both.predict(pixels, verbose=0)
    return class_probabilities(said), maps


@pytest.mark.parametrize(("name", "maps"), [("narrow_run", True), ("augmented_run", True), ("flattened_run", False)])
def test_answers_are_the_models_own_on_the_same_views(
    request: pytest.FixtureRequest, own_cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, maps: bool
) -> None:
    if not maps:
        monkeypatch.setattr(teaching_module, "_MAPS_BYTES", 0)
    # What is cached is in 16 bits, 11 of them digits.
    assert_answers_are_the_models(with_precision(request.getfixturevalue(name), "float32"), own_cache, maps, 5e-3)


def test_answers_in_bfloat16_are_the_models_own_within_its_eight_digits(augmented_run: Run, own_cache: Path) -> None:
    assert_answers_are_the_models(with_precision(augmented_run, "mixed"), own_cache, maps=True, error=3e-2)


def assert_answers_are_the_models(run: Run, cache: Path, maps: bool, error: float) -> None:
    source = open_source(run, hold_back=False)
    (layer, *_) = hint_layers(source)
    teaching = open_teaching(source, cache, layer=layer)
    assert teaching.has_maps == maps
    photos = source.photos[::3]
    for number in (0, 1, 8):
        pixels = np.asarray(teaching.pixels(photos, number).take(range(len(photos))))
        assert pixels.dtype == np.uint8
        assert pixels.shape == (len(photos), 32, 32, 3)
        answers = teaching.answers(photos, number)
        said, hints = asked_directly(source, pixels, layer)
        np.testing.assert_allclose(answers.probabilities, said, atol=error)
        hints = hints[..., KEPT] if maps else hints[..., KEPT].mean(axis=(1, 2))
        assert answers.hints[layer].shape == hints.shape
        np.testing.assert_allclose(answers.hints[layer], hints, atol=error * np.abs(hints).max())
        assert teaching.answers(photos, number) is answers


def test_views_are_of_the_same_photos_in_another_place(narrow_run: Run, own_cache: Path) -> None:
    source = open_source(narrow_run, hold_back=False)
    teaching = open_teaching(source, own_cache)
    photos = source.photos[:6]
    plain, one, other = (np.asarray(teaching.pixels(photos, number).take(range(6))) for number in (0, 1, 2))
    assert not np.array_equal(plain, one)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(
        np.asarray(open_teaching(source, own_cache / "other").pixels(photos, 1).take(range(6))), one
    )


def test_a_smaller_network_sees_smaller_pictures_and_hears_of_means(write_run: RunWriter, own_cache: Path) -> None:
    source = open_source(write_run("sixty-four", preset="default", size=64), hold_back=False)
    teaching = open_teaching(source, own_cache, 32, "block5_pool")
    assert not teaching.has_maps
    photos = source.photos[:5]
    assert np.asarray(teaching.pixels(photos, 1).take([0])).shape == (1, 32, 32, 3)
    large = np.asarray(open_teaching(source, own_cache, 64).pixels(photos, 1).take(range(5)))
    said, hints = asked_directly(source, large, "block5_pool")
    answers = teaching.answers(photos, 1)
    np.testing.assert_allclose(answers.probabilities, said, atol=5e-3)
    np.testing.assert_allclose(
        answers.hints["block5_pool"], hints[..., KEPT].mean(axis=(1, 2)), atol=5e-3 * np.abs(hints).max()
    )


def test_hints_come_from_the_last_two_blocks_above_what_is_cached(narrow_run: Run, augmented_run: Run) -> None:
    assert hint_layers(open_source(narrow_run, hold_back=False)) == {"block5_pool": 12}
    assert hint_layers(open_source(augmented_run, hold_back=False)) == {"block4_pool": 9, "block5_pool": 12}


@pytest.mark.parametrize(
    ("unfreeze_from", "expected"),
    [
        ("block5_conv3", {"block5_pool": 12}),
        ("block5_conv1", {"block4_pool": 9, "block5_pool": 12}),
        ("block4_conv3", {"block4_pool": 9, "block5_pool": 12}),
    ],
)
def test_hints_have_room_by_their_own_size_wherever_the_cut_lies(
    write_run: RunWriter,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    unfreeze_from: str,
    expected: dict[str, int],
) -> None:
    run = write_run("late", preset="default", size=64)
    recipe = run.recipe.changed(unfreeze_from=unfreeze_from)
    source = open_source(Run(run.folder, run.record.model_copy(update={"recipe": recipe.to_dict()})), hold_back=False)
    assert source.cut_layer == cut_before(unfreeze_from)
    assert hint_layers(source) == expected
    # At 64 pixels 4x4 after block 4, 2x2 after block 5.
    cells = {"block4_pool": 16, "block5_pool": 4}
    room = 2 * len(source.photos) * teaching_module.VIEWS * sum(cells[name] * len(KEPT) for name in expected)
    teaching = Teaching(source, CachePlace(own_cache / "trunk"), (64, 64), dict.fromkeys(expected, KEPT))
    monkeypatch.setattr(teaching_module, "_MAPS_BYTES", room)
    assert teaching.has_maps
    monkeypatch.setattr(teaching_module, "_MAPS_BYTES", room - 1)
    assert not teaching.has_maps
    monkeypatch.setattr(teaching_module, "_MAPS_BYTES", room)
    photos = source.photos[:4]
    answers = teaching.answers(photos, 1)
    pixels = np.asarray(teaching.pixels(photos, 1).take(range(4)))
    for name in expected:
        said, hints = asked_directly(source, pixels, name)
        np.testing.assert_allclose(answers.probabilities, said, atol=5e-3)
        np.testing.assert_allclose(answers.hints[name], hints[..., KEPT], atol=5e-3 * np.abs(hints).max())


def test_other_channels_are_asked_for_anew(augmented_run: Run, own_cache: Path) -> None:
    source = open_source(augmented_run, hold_back=False)
    photos = source.photos[:4]
    bare = open_teaching(source, own_cache)
    assert bare.answers(photos, 1).hints == {}
    first = bare.imitating({"block5_pool": KEPT})
    assert first.answers(photos, 1).hints["block5_pool"].shape[-1] == 3
    assert first.imitating({"block5_pool": KEPT[1:]}) is first
    # One layer of a faster network may be wider than a slower one's.
    both = first.imitating({"block5_pool": np.array([0, 4])})
    np.testing.assert_array_equal(both.channels["block5_pool"], [0, 1, 4, 7])
    np.testing.assert_array_equal(
        both.answers(photos, 1).hints["block5_pool"][..., 1:], first.answers(photos, 1).hints["block5_pool"]
    )


@pytest.fixture
def judge(narrow_run: Run, own_cache: Path) -> Judge:
    source = open_source(narrow_run, hold_back=True)
    return Judge(source, open_teaching(source, own_cache))


def test_the_original_is_judged_to_lose_nothing(judge: Judge, narrow_run: Run) -> None:
    source = open_source(narrow_run, hold_back=True)
    assert judge.chosen_accuracy(source.network) == 1
    assert judge.chosen(source.network) == Choice(1, 1, 0)
    verdict = judge.last_word([source.network], Bounds(max_drop=50))[0]
    assert (verdict.record.lost, verdict.record.gained) == (0, 0)
    assert verdict.record.photos == len(source.validation) < 24
    assert verdict.record.verdict == "passed"
    np.testing.assert_allclose(verdict.probabilities.sum(axis=1), 1, atol=1e-5)


def test_both_accuracies_are_of_plain_photos_and_the_drop_of_views(
    judge: Judge, narrow_run: Run, own_cache: Path
) -> None:
    source = open_source(narrow_run, hold_back=True)
    (layer, *_) = hint_layers(source)
    teaching = open_teaching(source, own_cache)
    views = [
        np.asarray(teaching.pixels(source.held_back, number).take(range(len(source.held_back))))
        for number in range(CHOICE_VIEWS + 1)
    ]
    said = [np.log(asked_directly(source, pixels, layer)[0]) for pixels in views]
    margins = np.stack([probabilities[:, 0] - probabilities[:, 1] for probabilities in said])
    classes = source.classes(source.held_back)

    def accuracies(shift: float) -> list[float]:
        return [float(((of_view < shift) == classes).mean()) for of_view in margins]

    # So much for the other label that some plain photos are wrong, and another share of their views.
    shifts = np.linspace(np.quantile(margins, 0.5), np.quantile(margins, 0.95), 97)
    shift = max(shifts, key=lambda shift: abs(accuracies(shift)[0] - np.mean(accuracies(shift))))
    last = source.network.dense[-1]
    bias = last.bias + np.array([0, shift], np.float32)
    choice = judge.chosen(replace(source.network, dense=(*source.network.dense[:-1], replace(last, bias=bias))))
    assert choice.original_accuracy == accuracies(0)[0]
    assert choice.accuracy == accuracies(shift)[0]
    drop_points = 100 * (np.mean(accuracies(0)) - np.mean(accuracies(shift)))
    assert choice.drop_points == pytest.approx(drop_points)
    assert choice.drop_points != pytest.approx(100 * (choice.original_accuracy - choice.accuracy))


def test_a_network_that_mixes_up_the_labels_fails(judge: Judge, narrow_run: Run) -> None:
    network = open_source(narrow_run, hold_back=False).network
    mixed = mixed_up(network)
    assert judge.chosen(mixed) == Choice(0, 1, 100)
    verdict = judge.last_word([mixed], Bounds(max_drop=99))[0].record
    assert (verdict.verdict, verdict.drop_points) == ("failed", 100)
    (verdict_on_speed,) = judge.last_word([mixed, network], Bounds(speedup=2))
    assert verdict_on_speed.record.drop_points == 100, "where no drop is bound, nothing refuses it"
    asked = judge.last_word([mixed, network, mixed], Bounds(max_drop=99))
    assert [one.record.drop_points for one in asked] == [100, 0], "up to the first one within the drop"
    assert len(judge.last_word([mixed, mixed], Bounds(max_drop=99))) == 2


def test_the_original_is_asked_once_for_the_channels_of_all_networks(
    augmented_run: Run, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(augmented_run, hold_back=False)
    every = open_teaching(source, own_cache).imitating_all(hint_layers(source))
    assert every.has_maps
    assert every.imitating({"block4_pool": KEPT, "block5_pool": np.array([0, 5])}) is every
    monkeypatch.setattr(teaching_module, "_MAPS_BYTES", 0)
    few = open_teaching(source, own_cache)
    assert few.imitating_all(hint_layers(source)) is few


def test_views_that_the_original_has_yet_to_answer_are_counted(augmented_run: Run, own_cache: Path) -> None:
    source = open_source(augmented_run, hold_back=False)
    teaching, photos = open_teaching(source, own_cache), source.photos[:6]
    assert teaching.unknown(photos) == 48
    teaching.answers(photos, 1)
    teaching.answers(photos[:2], 2)
    assert teaching.unknown(photos) == 40


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_what_a_training_left_in_the_cache_is_known(
    colour_photos: Path, own_cache: Path, tmp_path: Path, precision: Literal["float32", "mixed"]
) -> None:
    default = replace(find_preset("default"), precision=precision)
    recipe = replace(default, phases=default.phases[-1:]).changed(epochs=1, size=32)
    run = train(colour_photos, TrainOptions(recipe, weights="none", runs_root=tmp_path / "runs"))
    assert run.record.environment["dtype"] == {"float32": "float32", "mixed": "mixed_bfloat16"}[precision]
    source = open_source(run, hold_back=False)
    assert open_teaching(source, own_cache).unknown(source.photos) == 7 * len(source.photos)


def test_a_cache_that_holds_no_view_of_each_photo_is_refused(augmented_run: Run) -> None:
    source = open_source(augmented_run, hold_back=False)
    assert plan_place(source, (32, 32), 1.0).limit_bytes <= 1e9
    with pytest.raises(OutputError, match=r"more than the .* of --cache-gb: allow more"):
        plan_place(source, (32, 32), 1e-4)
