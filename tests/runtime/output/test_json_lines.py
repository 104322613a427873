from __future__ import annotations

import io
import json
import re
import runpy
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.output.sample_items import (
    ALL,
    BAD_MODEL,
    BAD_PHOTO,
    CONNECTING,
    FROZEN,
    LABELS,
    LIVE,
    NEW_MODEL,
    PREDICTION,
    RESIZED,
    SEAL,
    STALLED,
    VIDEO_FRAME,
)

from tlx.runtime.frames import Frame
from tlx.runtime.output.items import Item, Result
from tlx.runtime.output.json_lines import JsonSink
from tlx.runtime.output.moments import utc_of
from tlx.runtime.output.record import ResultLine

HOUSE = Path(__file__).parents[3]


def lines_of(*items: Item, topk: int = 1) -> list[dict[str, Any]]:
    out = io.StringIO()
    sink = JsonSink(out, LABELS, topk)
    for item in items:
        sink.write(item)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_of_a_video() -> None:
    (line,) = lines_of(VIDEO_FRAME, topk=2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time_utc"))
    assert line == {
        "kind": "result",
        "source": "v.mp4",
        "frame": 7,
        "label": "dog",
        "probability": 0.75,
        "topk": [{"label": "dog", "probability": 0.75}, {"label": "cat", "probability": 0.2}],
        "unsmoothed": None,
        "changed": None,
        "state": None,
        "reason": None,
        "error": None,
        "time_monotonic_s": 100.0,
        "age_ms": None,
        "latency_ms": {"decode": 1.235, "resize": 0.5, "inference": 20.0},
        "model_sha256": SEAL,
    }


def test_a_decision_is_said_and_what_the_picture_alone_says_beside_it() -> None:
    (line,) = lines_of(LIVE, topk=2)
    assert (line["label"], line["probability"], line["changed"], line["state"]) == ("cat", 0.6, True, "live")
    assert line["topk"] == [{"label": "cat", "probability": 0.6}, {"label": "dog", "probability": 0.3}]
    assert line["unsmoothed"] == {"label": "dog", "probability": 0.75}
    assert line["age_ms"] == 12.346


@pytest.mark.parametrize(
    ("item", "kind", "source", "state", "error"),
    [
        (BAD_PHOTO, "result", "bad.jpg", None, "is empty"),
        (FROZEN, "result", "camera 0", "frozen", "the same for 3 s"),
        (STALLED, "state", "camera 0", "stalled", "no picture for 2.1 s"),
        (CONNECTING, "state", "camera 0", "connecting", "connecting"),
        (RESIZED, "state", "camera 0", "live", None),
        (NEW_MODEL, "model", "new.onnx", None, None),
        (BAD_MODEL, "model", "bad.onnx", None, "is empty"),
    ],
)
def test_a_line_without_a_label_says_why(
    item: Item, kind: str, source: str, state: str | None, error: str | None
) -> None:
    (line,) = lines_of(item)
    assert (line["kind"], line["source"], line["state"], line["error"]) == (kind, source, state, error)
    assert (line["label"], line["probability"], line["topk"]) == (None, None, [])


def test_a_change_of_size_is_told_though_it_is_no_error() -> None:
    assert lines_of(RESIZED)[0]["reason"] == "640x480 now, 320x240 before"


@pytest.mark.parametrize("name", ["Grüße.jpg", "line\nbreak.jpg", 'quo"te.jpg', "invalid\udcff.jpg"])
def test_json_line_is_one_ascii_line_whatever_the_file_is_called(name: str) -> None:
    out = io.StringIO()
    JsonSink(out, LABELS).write(Result(Frame(name, None, None, None, 1.0), PREDICTION, None, ""))
    (line,) = out.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["source"] == name


def test_the_time_in_utc_is_as_long_ago_as_the_monotonic_clock_says() -> None:
    moment = datetime.fromisoformat(utc_of(time.monotonic() - 3600))
    assert abs(datetime.now(UTC) - timedelta(hours=1) - moment) < timedelta(seconds=5)


def test_the_published_schema_is_that_of_the_code() -> None:
    made = runpy.run_path(str(HOUSE / "tools" / "schemas.py"))["schema_text"]("result")
    assert (HOUSE / "docs" / "result.schema.json").read_text() == made, "the record has changed: run 'make schema'"


def test_lines_of_every_kind_are_as_published() -> None:
    schema = json.loads((HOUSE / "docs" / "result.schema.json").read_text())
    for line in lines_of(*ALL, topk=3):
        ResultLine.model_validate(line)
        assert list(line) == list(schema["properties"]) == schema["required"]
        assert list(line["latency_ms"]) == schema["$defs"]["Latency"]["required"]


def test_every_field_is_described() -> None:
    schema = json.loads((HOUSE / "docs" / "result.schema.json").read_text())
    for definition in (schema, *schema["$defs"].values()):
        assert definition["description"]
        for name, properties in definition.get("properties", {}).items():
            assert len(properties["description"]) > 8, name
            assert "`" not in properties["description"]
