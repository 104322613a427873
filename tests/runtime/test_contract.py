"""The document inside a model file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.runtime.full_contract import full_contract

from tlx.contract import CalibrationRecord, Contract, InputSpec, KnownAnswer, KnownAnswers, parse_contract
from tlx.errors import ModelFileError
from tlx.known_answers import synthetic_picture

FITTED = {"photos": 10, "ece_before": 0.1, "ece_after": 0.1}


def contract() -> Contract:
    return Contract(
        labels=["cats", "dogs"],
        input=InputSpec(size_hw=(150, 151)),
        known_answers=KnownAnswers(tolerance=1e-3, answers=[KnownAnswer(seed=0, probabilities=[0.25, 0.75])]),
    )


def test_contract_survives_its_own_json() -> None:
    assert parse_contract(contract().to_json(), "m.onnx") == contract()


def test_contract_json_has_schema_and_a_top_level_list_of_labels() -> None:
    document = json.loads(contract().to_json())
    assert document["schema"] == 1
    assert document["labels"] == ["cats", "dogs"]
    assert document["input"]["size_hw"] == [150, 151]


def test_a_temperature_is_optional_and_survives() -> None:
    assert "calibration" in contract().to_dict()
    older = contract().to_dict()
    del older["calibration"]
    assert parse_contract(json.dumps(older), "m.onnx").calibration is None
    record = CalibrationRecord(temperature=1.5, photos=100, ece_before=0.1, ece_after=0.02)
    assert record.method == "temperature scaling"
    carrying = contract().model_copy(update={"calibration": record})
    assert parse_contract(carrying.to_json(), "m.onnx") == carrying


def test_fields_of_a_newer_writer_are_ignored() -> None:
    document = contract().to_dict() | {"lens": "wide"}
    document["input"]["depth"] = 10
    assert parse_contract(json.dumps(document), "m.onnx") == contract()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schema": 2}, "schema"),  # a newer, incompatible one
        ({"labels": ["cats"]}, "labels"),  # one class is no classifier
        ({"labels": ["cats", ""]}, "labels.1"),
        ({"labels": ["cats", "cats"]}, "document"),
        ({"input": {"size_hw": [0, 150]}}, "input.size_hw.0"),
        ({"input": {"size_hw": [150, 1_000_000]}}, "input.size_hw.1"),  # an absurd shape
        ({"resize": {"method": "magic"}}, "resize.method"),
        ({"threshold": 1.5}, "threshold"),
        ({"calibration": {"temperature": 0, **FITTED}}, "calibration.temperature"),
        ({"calibration": {"temperature": 1e-300, **FITTED}}, "calibration.temperature"),
        ({"calibration": {"temperature": 1e300, **FITTED}}, "calibration.temperature"),
        ({"calibration": {"temperature": 2, **FITTED, "photos": 0}}, "calibration.photos"),
        ({"labels": ["cats", "dogs", "owls"]}, "document"),  # known answers have two columns
    ],
)
def test_parse_contract_names_the_field_that_is_wrong(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        parse_contract(json.dumps(contract().to_dict() | change), "m.onnx")
    assert str(caught.value).startswith("m.onnx: ")
    assert f"({where}:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "\x00", '{"schema": NaN}'])
def test_parse_contract_refuses_what_is_no_contract(text: str) -> None:
    with pytest.raises(ModelFileError):
        parse_contract(text, "m.onnx")


def test_synthetic_pictures_never_change() -> None:
    """Every device must make the same bytes for ever: the known answers of old files depend on them."""
    picture = synthetic_picture(1, (150, 150))
    assert picture.shape == (150, 150, 3)
    assert picture.dtype.name == "uint8"
    assert [int(value) for value in picture[100, 37]] == [183, 27, 180]
    assert int(picture.astype("int64").sum()) == 8_602_528


def test_synthetic_pictures_differ_by_seed() -> None:
    assert len({synthetic_picture(seed, (32, 48)).tobytes() for seed in range(50)}) == 50


def test_a_contract_with_all_its_parts_survives() -> None:
    assert parse_contract(full_contract().to_json(), "m.onnx") == full_contract()


def test_a_key_that_comes_twice_is_refused_at_any_depth() -> None:
    text = contract().to_json()
    assert '"size_hw":[150,151]' in text
    doubled = text.replace('"size_hw":[150,151]', '"size_hw":[150,151],"size_hw":[10,10]')
    with pytest.raises(ModelFileError, match=r"\(document: the key 'size_hw' comes twice\)"):
        parse_contract(doubled, "m.onnx")
