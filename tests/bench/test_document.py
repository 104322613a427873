"""The published schema is that of the code, and what a real bench writes is as published."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.bench.made_up import full_document

from tlx.bench.bench import run_bench
from tlx.bench.document import read_document
from tlx.bench.prepare import BenchOptions
from tlx.errors import InputError

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return dict(json.loads((HOUSE / "docs" / "bench.schema.json").read_text()))


@pytest.fixture(scope="module")
def real(tiny_model: Path, png_photos: Path) -> dict[str, Any]:
    """What a bench of a real model on real photos tells, after a way through JSON."""
    options = BenchOptions((tiny_model,), photos=png_photos, rounds=6, device="cpu")
    text = json.dumps(run_bench(options, command="tlx bench tiny.onnx").document, allow_nan=False)
    return dict(json.loads(text))


def keys_beyond(value: Any, definition: dict[str, Any], schema: dict[str, Any], where: str = "bench") -> list[str]:
    """Keys of a document that the schema doesn't know."""
    options = [definition, *definition.get("anyOf", ())]
    names = [option["$ref"].rpartition("/")[2] for option in options if "$ref" in option]
    if isinstance(value, list):
        items: dict[str, Any] = next((option["items"] for option in options if "items" in option), {})
        return [found for part in value for found in keys_beyond(part, items, schema, where)]
    target = schema["$defs"][names[0]] if names else definition
    if not isinstance(value, dict) or "properties" not in target:
        return []
    found = [f"{where}.{key}" for key in value if key not in target["properties"]]
    for key, part in value.items():
        found += keys_beyond(part, target["properties"].get(key, {}), schema, f"{where}.{key}")
    return found


def test_the_published_schema_is_that_of_the_code(schema: dict[str, Any]) -> None:
    made = runpy.run_path(str(HOUSE / "tools" / "schemas.py"))["schema_text"]("bench")
    assert (HOUSE / "docs" / "bench.schema.json").read_text() == made, "the document has changed: run 'make schema'"
    Draft202012Validator.check_schema(schema)


def test_every_field_is_described(schema: dict[str, Any]) -> None:
    for name, definition in {"BenchDocument": schema, **schema["$defs"]}.items():
        assert definition["description"], name
        for field, properties in definition["properties"].items():
            assert len(properties["description"]) > 8, f"{name}.{field}"
            assert "`" not in properties["description"]


def test_what_a_real_bench_writes_is_as_published(real: dict[str, Any], schema: dict[str, Any]) -> None:
    assert [error.message for error in Draft202012Validator(schema).iter_errors(real)] == []
    assert keys_beyond(real, schema, schema) == []
    (engine,) = real["engines"]
    assert engine["n"] == len(engine["latencies_ms"])
    assert len(engine["round_medians_ms"]) == real["method"]["rounds"] == 6
    assert engine["model_bytes"] > 0
    assert len(real["photos"]["sha256"]) == 64


def test_a_bench_that_measured_everything_is_as_published(schema: dict[str, Any]) -> None:
    document = json.loads(json.dumps(full_document().document(), allow_nan=False))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    assert keys_beyond(document, schema, schema) == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema",), 1),
        (("engines", 0, "batch"), 0),
        (("engines", 0, "status"), "fine"),
        (("engines", 0, "latencies_ms"), [-1.0]),
        (("engines", 0, "p50_ci95_ms"), [1.0]),
        (("created_utc",), "yesterday"),
    ],
)
def test_the_schema_refuses_what_is_no_bench(
    real: dict[str, Any], schema: dict[str, Any], where: tuple[str | int, ...], value: Any
) -> None:
    spoiled = json.loads(json.dumps(real))
    part = spoiled
    for step in where[:-1]:
        part = part[step]
    part[where[-1]] = value
    assert list(Draft202012Validator(schema).iter_errors(spoiled))


def test_a_document_is_read_as_it_was_written(real: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(real))
    assert read_document(path).document() == real


def test_readers_pass_over_fields_that_they_do_not_know(real: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(real | {"of_a_later_tlx": 1}))
    assert read_document(path).document() == real


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "can't be read"),
        ("{", "isn't JSON"),
        ("[]", "expected a bench of schema 2, got None"),
        ('{"schema": 1, "engines": []}', "got 1, of an older tlx: run it again"),
        ('{"schema": 2}', "created_utc: Field required"),
    ],
)
def test_what_is_no_document_is_refused_in_one_line(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "bench.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
