"""Print the JSON schema of the contract; ``make schema`` writes it to docs/contract.schema.json.

The descriptions are those of the classes in tlx.contract: what a field is, is written once.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Any

from pydantic import BaseModel

from tlx.contract import Contract

_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def schema_text() -> str:
    """The schema as the file holds it."""
    schema = Contract.model_json_schema(by_alias=True)
    for name, definition in [("Contract", schema), *schema["$defs"].items()]:
        _describe(_classes()[name], definition)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tlx.contract"} | schema
    schema["title"] = "tlx.contract"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _classes() -> dict[str, type[BaseModel]]:
    module = sys.modules[Contract.__module__]
    return {name: kind for name, kind in vars(module).items() if inspect.isclass(kind) and issubclass(kind, BaseModel)}


def _describe(kind: type[BaseModel], definition: dict[str, Any]) -> None:
    summary, _, listed = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
    definition["description"] = _plain(summary)
    described = {}
    for entry in re.split(r"\n(?=    \w)", "\n" + listed.rstrip())[1:]:
        name, _, text = entry.strip().partition(":")
        described[name] = _plain(text)
    for name, field in kind.model_fields.items():
        definition["properties"][field.alias or name]["description"] = described[name]
    # A field's title only repeats its name.
    for properties in definition["properties"].values():
        properties.pop("title", None)


def _plain(text: str) -> str:
    return " ".join(_ROLE.sub(r"\1", text).replace("``", "").split())


if __name__ == "__main__":
    sys.stdout.write(schema_text())
