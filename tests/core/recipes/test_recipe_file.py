"""Recipes as files: what --show-config prints is what --config reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlx.core.recipes.presets import PRESETS, find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.recipes.recipe_file import load_recipe, to_toml
from tlx.errors import InputError


@pytest.mark.parametrize("recipe", PRESETS.values(), ids=lambda recipe: recipe.name)
def test_toml_gives_back_the_recipe(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(path, find_preset("features")).to_dict() == recipe.to_dict()


def test_what_a_file_leaves_out_stays_as_in_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "wider.yaml"
    path.write_text("head: {units: 512}\naugmentation: {rotation_degrees: 25}\n")
    recipe = load_recipe(path, find_preset("default"))
    assert (recipe.head.units, recipe.head.dropout) == (512, find_preset("default").head.dropout)
    assert recipe.augmentation.rotation_degrees == 25
    assert recipe.phases == find_preset("default").phases


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[head]\nunits = 'many'", r"recipe.toml: head.units: expected .* got 'many'"),
        ("sizehw = 200", r"recipe.toml: no such key: sizehw, did you mean size_hw\?"),
        ("[augmentation]\nzoom = 2.0", r"recipe.toml: augmentation: .*expected zoom from 0 to 0.9, got 2.0"),
        ("preprocessing = 'caffe'", r"recipe.toml: preprocessing: expected 'imagenet' or 'rescale', got 'caffe'"),
        ("name = \nsummary = 1", r"recipe.toml: line 1, column \d+: "),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_recipe(path, find_preset("default"))
