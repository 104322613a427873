"""Runs that compression made, listed and compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.core.compression_records import ORIGINAL, made_up_compression

from tlx.core.comparing.compare import compare_runs
from tlx.core.comparing.document import describe_comparison, describe_survey
from tlx.core.comparing.listing import format_survey
from tlx.core.comparing.survey import survey_runs
from tlx.core.comparing.text import format_comparison

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.comparing.conftest import RunMaker

SMALLER = {
    "original": ORIGINAL,
    "precision": "int8",
    "latency_ms": 5.25,
    "speedup": 8.0,
    "drop_points": 0.3,
    "upper_drop_points": 0.62,
}


def test_the_list_tells_what_a_compressed_run_came_from(make_run: RunMaker, tmp_path: Path) -> None:
    make_run("plain", created_utc="2026-02-01T00:00:00+00:00")
    make_run("small", created_utc="2026-02-02T00:00:00+00:00", compression=made_up_compression().model_dump())
    survey = survey_runs(tmp_path / "runs")
    assert format_survey(survey)[3:] == [f"compressed: small: 8.00 times as fast as {ORIGINAL}, 0.30 points lost"]
    document = json.loads(json.dumps(describe_survey(survey)))
    assert [run["compression"] for run in document["finished"]] == [None, SMALLER]


def test_a_comparison_tells_what_compression_did(make_run: RunMaker) -> None:
    plain, small = make_run("plain"), make_run("small", compression=made_up_compression().model_dump())
    comparison = compare_runs(plain, small)
    lines = format_comparison(comparison)
    rows = [line.split() for line in lines[lines.index("compression") + 1 :]]
    assert ["speedup", "-", "8"] in rows
    assert ["drop_points", "-", "0.3"] in rows
    assert max(map(len, lines)) <= 80
    differences = describe_comparison(comparison)["differences"]["compression"]
    assert {row["key"]: row["b"] for row in differences} == SMALLER
    assert "compression" not in format_comparison(compare_runs(plain, plain))
