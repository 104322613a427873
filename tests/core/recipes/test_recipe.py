"""Where a recipe cuts the network, which views it shows, and what it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tlx.core.recipes.layers import CONVOLUTIONS, cut_before
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Phase, Recipe
from tlx.errors import InputError


@pytest.mark.parametrize(
    ("convolution", "cut"),
    [
        (None, "block5_pool"),
        ("block5_conv1", "block4_pool"),
        ("block5_conv3", "block5_conv2"),
        ("block3_conv1", "block2_pool"),
        ("block1_conv2", "block1_conv1"),
        ("block1_conv1", "image"),  # everything trains: the features are the pixels
    ],
)
def test_the_cut_is_the_layer_before_the_first_that_trains(convolution: str | None, cut: str) -> None:
    assert cut_before(convolution) == cut


def test_a_recipe_is_cut_below_all_of_its_phases() -> None:
    recipe = find_preset("book-r")
    assert recipe.phases[0].unfreeze_from is None
    assert recipe.cut_layer == "block2_pool"
    assert find_preset("features").cut_layer == "block5_pool"


def phase(**changes: Any) -> Phase:
    plain = Phase(name="a", epochs=4, batch_size=2, optimizer="adam", learning_rate=0.1)
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize(
    ("views", "shown"),
    [(0, [0, 0, 0, 0]), (3, [1, 2, 3, 1]), (9, [1, 2, 3, 4]), ("fresh", [8, 9, 10, 11])],
)
def test_views_go_round_or_are_fresh(views: Any, shown: list[int]) -> None:
    assert [phase(views=views).view_number(epoch, 7) for epoch in range(4)] == shown


def test_all_views_of_a_recipe_are_known_before_it_runs() -> None:
    recipe = dataclasses.replace(
        find_preset("default"), phases=(phase(views=2), phase(name="b", views="fresh", epochs=2), phase(name="c"))
    )
    assert recipe.view_numbers() == [{1, 2}, {5, 6}, {0}]
    assert recipe.is_augmented


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "features"}, "name: expected none of check, features, validation, which have their own times"),
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate: expected more than 0"),
        ({"views": -1}, "views: expected 'fresh' or at least 0, got -1"),
        ({"warmup_epochs": 5.0}, "warmup_epochs: expected 0 to 4, got 5.0"),
        ({"weight_decay": 0.1}, "only adamw has it"),
        ({"label_smoothing": 1.0}, "label_smoothing: expected 0 to below 1"),
        ({"unfreeze_from": "block6_conv1"}, "unfreeze_from: expected one of block1_conv1, "),
    ],
)
def test_values_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        phase(**changes)


def test_phases_have_different_names() -> None:
    with pytest.raises(InputError, match="phases: expected different names, got 'a, a'"):
        dataclasses.replace(find_preset("default"), phases=(phase(), phase()))


@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_any_convolution_can_be_the_first_to_train(convolution: str) -> None:
    recipe = find_preset("book-finetune").changed(unfreeze_from=convolution)
    assert recipe.unfreeze_from == convolution
    assert recipe.phases[0] == find_preset("book-finetune").phases[0]


def test_a_recipe_for_the_head_alone_has_nothing_to_unfreeze() -> None:
    with pytest.raises(InputError, match="trains the head alone: choose a preset that fine-tunes"):
        find_preset("features").changed(unfreeze_from="block5_conv1")


def test_a_recipe_of_an_earlier_version_is_still_read() -> None:
    document = find_preset("features").to_dict()
    del document["augmentation"], document["precision"]
    for name in ("unfreeze_from", "views", "schedule", "ema_decay"):
        del document["phases"][0][name]
    assert Recipe.from_dict(document) == find_preset("features")


@pytest.mark.parametrize("name", ["", "cats/dogs", "..\\up", "../up", ".hidden", "two\nlines", "é" * 51])
def test_a_name_must_be_fit_for_a_folder(name: str) -> None:
    with pytest.raises(InputError, match="name: expected part of a folder's name"):
        dataclasses.replace(find_preset("default"), name=name)


def test_a_name_may_have_spaces_and_any_script() -> None:
    assert dataclasses.replace(find_preset("default"), name="große 猫 v2.1").name == "große 猫 v2.1"
