"""The published schema is the one that tlx reads by, and says of every field what it means."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.full_contract import full_contract

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return dict(json.loads((HOUSE / "docs" / "contract.schema.json").read_text()))


def test_the_published_schema_is_that_of_the_code() -> None:
    made = runpy.run_path(str(HOUSE / "tools" / "schemas.py"))["schema_text"]("contract")
    assert (HOUSE / "docs" / "contract.schema.json").read_text() == made, "the contract has changed: run 'make schema'"


def test_every_field_is_described(schema: dict[str, Any]) -> None:
    for name, definition in {"Contract": schema, **schema["$defs"]}.items():
        assert definition["description"], name
        for field, properties in definition["properties"].items():
            assert len(properties["description"]) > 8, f"{name}.{field}"
            assert "`" not in properties["description"]


def test_readers_may_meet_fields_that_they_do_not_know(schema: dict[str, Any]) -> None:
    for definition in (schema, *schema["$defs"].values()):
        assert "additionalProperties" not in definition


def test_only_what_the_first_version_had_is_required(schema: dict[str, Any]) -> None:
    """Growing by a required field would lock out every file that was made before."""
    assert schema["required"] == ["labels", "input"]
    assert schema["properties"]["schema"] == {
        "const": 1,
        "default": 1,
        "type": "integer",
        "description": schema["properties"]["schema"]["description"],
    }


def test_a_whole_contract_holds_the_documented_fields_and_no_others(schema: dict[str, Any]) -> None:
    def compare(value: Any, definition: dict[str, Any], where: str) -> None:
        options = [definition, *definition.get("anyOf", ()), definition.get("items", {})]
        names = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
        if isinstance(value, list):
            for part in value:
                compare(part, definition.get("items", {}), where)
        elif isinstance(value, dict) and (names or definition is schema):
            target = schema["$defs"][names[0]] if names else schema
            assert value.keys() == target["properties"].keys(), where
            for key, part in value.items():
                compare(part, target["properties"][key], f"{where}.{key}")

    compare(full_contract().to_dict(), schema, "contract")
