"""Print a published JSON schema; ``make schema`` writes them to docs/NAME.schema.json.

    python tools/schemas.py contract
    python tools/schemas.py result
    python tools/schemas.py bench

The descriptions are those of the classes: what a field is, is written once.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Any

from pydantic import BaseModel

from tlx.bench.document import BenchDocument
from tlx.contract import Contract
from tlx.runtime.output.record import ResultLine

_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_PUBLISHED: dict[str, tuple[type[BaseModel], str]] = {
    "contract": (Contract, "tlx.contract"),
    "result": (ResultLine, "tlx.result"),
    "bench": (BenchDocument, "tlx.bench"),
}


def schema_text(name: str) -> str:
    """The schema as its file holds it."""
    kind, title = _PUBLISHED[name]
    schema = kind.model_json_schema(by_alias=True)
    classes = {one.__name__: one for one in _classes(kind.__module__)}
    for class_name, definition in [(kind.__name__, schema), *schema["$defs"].items()]:
        if "properties" in definition:
            _describe(classes[class_name], definition)
        else:
            _describe_values(definition)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | schema
    schema["title"] = title
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _classes(module_name: str) -> set[type[BaseModel]]:
    """The documents that a module knows, and those that their modules know."""
    found: set[type[BaseModel]] = set()
    modules = [module_name]
    for name in modules:
        known = {one for one in vars(sys.modules[name]).values() if inspect.isclass(one) and issubclass(one, BaseModel)}
        modules += sorted({one.__module__ for one in known} - set(modules) - {BaseModel.__module__})
        found |= known
    return found


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


def _describe_values(definition: dict[str, Any]) -> None:
    definition["description"] = _plain(definition["description"])


def _plain(text: str) -> str:
    return " ".join(_ROLE.sub(r"\1", text).replace("``", "").split())


if __name__ == "__main__":
    sys.stdout.write(schema_text(sys.argv[1]))
