"""Dataclasses made of plain values, and the words for values that don't fit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from tlx.core.augmentation import BOOK, Augmentation
from tlx.core.settings import build
from tlx.core.settings_file import read_settings
from tlx.errors import InputError


@dataclass(frozen=True, slots=True)
class Schedule:
    kind: Literal["constant", "cosine"] = "constant"
    warmup: float | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    epochs: int
    learning_rate: Annotated[float, "a number above 0"]
    schedule: Schedule = Schedule()
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ValueError(f"expected learning_rate above 0, got {self.learning_rate:g}")


@dataclass(frozen=True, slots=True)
class Recipe:
    phases: tuple[Phase, ...]
    size_hw: tuple[int, int] = (150, 150)
    stop: int | Literal["never"] = "never"
    mixed: bool = False
    summary: str | None = None
    levels: tuple[float, ...] = ()
    made_by: str = dataclasses.field(default="tests", init=False)

    def __post_init__(self) -> None:
        if not self.phases:
            raise InputError("expected at least one phase")


@dataclass(frozen=True)
class Choice:
    level: Literal[1, 2]


HEAD = {"name": "head", "epochs": 3, "learning_rate": 1e-3}
BASE = Recipe((Phase("head", 3, 1e-3), Phase("tail", 9, 1e-5)), (96, 96), summary="base")


def made(document: dict[str, Any], base: Recipe | None = None) -> Recipe:
    return build(Recipe, document, source="config.toml", base=base)


def test_defaults_fill_what_is_left_out() -> None:
    assert made({"phases": [HEAD]}) == Recipe((Phase("head", 3, 1e-3),))


def test_every_kind_of_value_finds_its_field() -> None:
    document = {
        "phases": [
            HEAD,
            HEAD | {"schedule": {"kind": "cosine", "warmup": 1}, "augmentation": {"zoom": 0.2, "fill": "reflect"}},
        ],
        "size_hw": [120, 160],
        "stop": 5,
        "mixed": True,
        "summary": "two phases",
        "levels": [1, 0.5],
    }
    found = made(document)
    second = Phase("head", 3, 1e-3, Schedule("cosine", 1.0), Augmentation(zoom=0.2, fill="reflect"))
    assert found == Recipe((Phase("head", 3, 1e-3), second), (120, 160), 5, True, "two phases", (1.0, 0.5))
    assert [type(level) for level in found.levels] == [float, float]
    assert type(found.phases[1].schedule.warmup) is float


@pytest.mark.parametrize("recipe", [BASE, Recipe((Phase("one", 1, 0.1, Schedule("cosine", 0.5), BOOK),), stop=4)])
def test_what_asdict_writes_is_read_back(recipe: Recipe) -> None:
    document = dataclasses.asdict(recipe)
    del document["made_by"]
    assert made(document) == recipe


@pytest.mark.parametrize("word", [None, "none"])
def test_none_has_a_word(word: str | None) -> None:
    assert made({"phases": [HEAD | {"augmentation": word}]}).phases[0].augmentation is None
    assert made({"phases": [HEAD | {"schedule": {"warmup": word}}]}).phases[0].schedule.warmup is None
    base = dataclasses.replace(BASE, phases=(dataclasses.replace(BASE.phases[0], augmentation=BOOK),))
    assert build(Phase, {"augmentation": word}, source="c", base=base.phases[0]).augmentation is None
    assert made({"phases": [HEAD], "summary": "none"}).summary == "none"  # where text is welcome it's text


def test_the_base_keeps_what_the_document_leaves_out() -> None:
    assert made({}, BASE) == BASE
    assert made({"size_hw": [64, 64]}, BASE) == dataclasses.replace(BASE, size_hw=(64, 64))
    assert made({"phases": [HEAD]}, BASE).phases == (Phase("head", 3, 1e-3),)  # lists replace
    with pytest.raises(InputError, match=r"phases\[0\]: name, learning_rate are missing"):
        made({"phases": [{"epochs": 3}]}, BASE)


def test_the_base_holds_within_tables_too() -> None:
    base = Phase("head", 3, 1e-3, Schedule("cosine", 2.0), BOOK)
    changed = build(Phase, {"schedule": {"warmup": 3}, "augmentation": {"zoom": 0}}, source="c", base=base)
    assert changed.schedule == Schedule("cosine", 3.0)
    assert changed.augmentation == dataclasses.replace(BOOK, zoom=0.0)
    without = dataclasses.replace(base, augmentation=None)
    assert build(Phase, {"augmentation": {"zoom": 0.1}}, source="c", base=without).augmentation == Augmentation(
        zoom=0.1
    )


PHASE_KEYS = "(known: name, epochs, learning_rate, schedule, augmentation)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": "fast"}, ".learning_rate: expected a number above 0, got 'fast'"),
        ({"learning_rate": True}, ".learning_rate: expected a number above 0, got true"),
        ({"learning_rate": float("nan")}, ".learning_rate: expected a number above 0, got nan"),
        ({"learning_rate": 10**400}, f".learning_rate: expected a number above 0, got 1{'0' * 58}…"),
        ({"learning_rate": 0}, ": expected learning_rate above 0, got 0"),
        ({"epochs": 3.0}, ".epochs: expected a whole number, got 3.0"),
        ({"epochs": False}, ".epochs: expected a whole number, got false"),
        ({"name": 5}, ".name: expected text, got 5"),
        ({"epochz": 3}, f": no such key: epochz, did you mean epochs? {PHASE_KEYS}"),
        ({"x": 3}, f": no such key: x {PHASE_KEYS}"),
        ({"schedule": {"kind": "step"}}, ".schedule.kind: expected 'constant' or 'cosine', got 'step'"),
        ({"schedule": {"warmup": "long"}}, ".schedule.warmup: expected a number or none, got 'long'"),
        ({"schedule": None}, ".schedule: expected a table of keys with values, got nothing"),
        ({"augmentation": {"zoom": 2}}, ".augmentation: expected zoom from 0 to 0.9, got 2.0"),
        ({"augmentation": {"flip": True}}, ".augmentation: no such key: flip (known: rotation_degrees, "),
    ],
)
def test_an_error_within_a_list_names_the_place_and_what_was_expected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        made({"phases": [HEAD, HEAD | changes]})
    assert str(caught.value).startswith(f"config.toml: phases[1]{message}")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "phases is missing"),
        ({"phases": [{"name": "a", "epochs": 1}]}, "phases[0]: learning_rate is missing"),
        ({"phases": []}, "expected at least one phase"),
        ({"phases": HEAD}, "phases: expected a list, got {'name': 'head', 'epochs': 3, 'learning_rate': 0.001}"),
        ({"phases": "head"}, "phases: expected a list, got 'head'"),
        ({"phases": ["head"]}, "phases[0]: expected a table of keys with values, got 'head'"),
        ({"size_hw": [150]}, "size_hw: expected a list of 2 values, got [150]"),
        ({"size_hw": [150, "x"]}, "size_hw[1]: expected a whole number, got 'x'"),
        ({"size_hw": 150}, "size_hw: expected a list of 2 values, got 150"),
        ({"mixed": 1}, "mixed: expected true or false, got 1"),
        ({"stop": "soon"}, "stop: expected a whole number or 'never', got 'soon'"),
        ({"made_by": "me"}, "no such key: made_by (known: phases, "),
        ({5: "me"}, "no such key: 5 (known: phases, "),
    ],
)
def test_an_error_at_the_top_names_the_key(document: dict[Any, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        made(document)
    assert str(caught.value).startswith(f"config.toml: {message}")


def test_a_choice_is_told_from_a_number_that_equals_it() -> None:
    assert build(Choice, {"level": 2}, source="c").level == 2
    with pytest.raises(InputError, match="level: expected 1 or 2, got true"):
        build(Choice, {"level": True}, source="c")


def test_a_field_of_a_foreign_type_is_the_programmers_error() -> None:
    @dataclass(frozen=True)
    class Foreign:
        path: bytes

    with pytest.raises(TypeError, match="settings can't hold a field of type <class 'bytes'>"):
        build(Foreign, {"path": "a"}, source="c")


def test_augmentation_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "augmentation.yaml"
    path.write_text("zoom: 0.5\nhorizontal_flip: false\n")
    found = build(Augmentation, read_settings(path), source=path.name, base=BOOK)
    assert found == dataclasses.replace(BOOK, zoom=0.5, horizontal_flip=False)
    with pytest.raises(InputError) as caught:
        build(Augmentation, {"zoom": 5}, source="a.yaml")
    assert str(caught.value) == "a.yaml: augmentation: expected zoom from 0 to 0.9, got 5.0"
