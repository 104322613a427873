"""Recipes are data; the book's must have the book's numbers."""

from __future__ import annotations

import json

import pytest

from tlx.core import augmentation
from tlx.core.curves import smooth
from tlx.core.recipes.presets import PRESETS, find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.errors import InputError


def test_book_features_has_the_numbers_of_the_book() -> None:
    recipe = find_preset("book-features")
    (phase,) = recipe.phases
    assert (recipe.size_hw, recipe.preprocessing) == ((150, 150), "rescale")
    assert (recipe.head.pooling, recipe.head.units, recipe.head.dropout) == ("flatten", 256, 0.5)
    assert recipe.head.binary_sigmoid
    assert (phase.optimizer, phase.learning_rate, phase.batch_size, phase.epochs) == ("rmsprop", 2e-5, 20, 30)
    assert phase.keep == "last"


def test_the_books_three_regimes_and_the_r_editions_have_their_numbers() -> None:
    augmented, finetune, r_edition = map(find_preset, ("book-augmented", "book-finetune", "book-r"))
    (frozen,) = augmented.phases
    assert (frozen.epochs, frozen.batch_size, frozen.optimizer, frozen.learning_rate) == (30, 20, "rmsprop", 2e-5)
    assert (frozen.unfreeze_from, frozen.views, augmented.head.dropout) == (None, "fresh", 0)
    assert augmented.augmentation == augmentation.BOOK
    assert finetune.phases[0] == frozen
    tuning = finetune.phases[1]
    assert (tuning.epochs, tuning.learning_rate, tuning.unfreeze_from) == (100, 1e-5, "block5_conv1")
    assert [phase.learning_rate for phase in r_edition.phases] == [1e-5, 1e-5]
    assert r_edition.unfreeze_from == "block3_conv1"
    assert {recipe.precision for recipe in (augmented, finetune, r_edition)} == {"float32"}


@pytest.mark.parametrize("recipe", PRESETS.values(), ids=lambda recipe: recipe.name)
def test_recipes_survive_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_changed_touches_only_what_it_names() -> None:
    recipe = find_preset("features")
    assert recipe.changed() == recipe
    assert recipe.changed(epochs=7).phases[-1].epochs == 7
    assert recipe.changed(size=96).size_hw == (96, 96)
    assert recipe.changed(size=96).phases == recipe.phases


def test_an_unknown_preset_lists_those_that_there_are() -> None:
    with pytest.raises(InputError, match="default, features, book-features"):
        find_preset("best")


def test_smooth_is_the_books_moving_average() -> None:
    assert smooth([1.0, 0.0, 0.0]) == pytest.approx([1.0, 0.8, 0.64])
    assert smooth([]) == []
