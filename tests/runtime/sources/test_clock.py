from __future__ import annotations

import pytest

from tlx.errors import InputError
from tlx.runtime.sources.clock import parse_clock, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("1.5", 1.5),
        ("1:30", 90),
        ("01:30.25", 90.25),
        ("90:00", 5400),
        ("1:02:03", 3723),
        ("100:00:00", 360000),
        (" 5 ", 5),
    ],
)
def test_parse_clock(text: str, seconds: float) -> None:
    assert parse_clock(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "1:60", "1:60:00", "1:2:3:4", "1:", ":30", "1e3", "inf", "1:5.", "٣"]
)
def test_parse_clock_refuses(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        parse_clock(text)


def test_parse_duration_is_more_than_nothing() -> None:
    assert parse_duration("1:30") == 90.0
    for text in ("0", "0.000", "0:00:00"):
        with pytest.raises(InputError, match=f"'{text}': expected a duration of more than 0 seconds"):
            parse_duration(text)
