from __future__ import annotations

import pytest

from tlx.bench.measures.wanted import NOTHING, PARTS, Wanted, parse_wanted
from tlx.errors import InputError


@pytest.mark.parametrize(
    ("text", "sustained_s", "expected"),
    [
        ("all", None, Wanted(frozenset(PARTS))),
        ("none", None, NOTHING),
        ("none", 300.0, Wanted(frozenset(), 300.0)),
        ("stages, cold-start", 120.0, Wanted(frozenset({"stages", "cold-start"}), 120.0)),
    ],
)
def test_parse_wanted(text: str, sustained_s: float | None, expected: Wanted) -> None:
    assert parse_wanted(text, sustained_s) == expected


@pytest.mark.parametrize(
    ("text", "sustained_s", "words"),
    [("stages,speed", None, "received 'speed'"), ("", None, "--measure knows"), ("all", 119.0, "at least 120")],
)
def test_parse_wanted_refuses(text: str, sustained_s: float | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_wanted(text, sustained_s)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (NOTHING, False),
        (Wanted(frozenset({"cold-start"})), False),
        (Wanted(frozenset({"memory"})), True),
        (Wanted(frozenset(), 300.0), True),
    ],
)
def test_engines_are_loaded_only_where_needed(wanted: Wanted, expected: bool) -> None:
    assert wanted.needs_engines is expected
