"""Recipes as files: what ``tlx train --show-config`` prints and ``--config`` takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tlx.core.recipes.recipe import Recipe
from tlx.core.settings import build
from tlx.core.settings_file import read_settings


def load_recipe(path: Path, base: Recipe) -> Recipe:
    """Read a recipe from a TOML or YAML file; what it leaves out is as in ``base``.

    Raises:
        InputError: If it can't be read, or a value isn't what it should be; the message names its place.
    """
    recipe: Recipe = build(Recipe, read_settings(path), source=str(path), base=base)
    return recipe


def to_toml(recipe: Recipe) -> str:
    """The recipe as a TOML document that :func:`load_recipe` reads back."""
    document = recipe.to_dict()
    phases = document.pop("phases")
    tables = {name: document.pop(name) for name in ("head", "augmentation")}
    lines = _pairs(document)
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_pairs(table)]
    for phase in phases:
        lines += ["", "[[phases]]", *_pairs(phase)]
    return "\n".join(lines) + "\n"


def _pairs(table: dict[str, Any]) -> list[str]:
    # JSON's strings, numbers, booleans and lists of numbers are TOML's; what is None is left out.
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in table.items() if value is not None]
