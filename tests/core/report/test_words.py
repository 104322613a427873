"""Numbers as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from tlx.core.report.words import counted, date, duration, energy, percent, shortened, value_text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (23.4, "23 s"), (120, "2.0 min"), (860, "14.3 min"), (11520, "3 h 12 min")],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "\u2013"), (True, "yes"), (2e-5, "2e-05"), ([150, 150], "150, 150"), ([], "\u2013"), ("adam", "adam")],
)
def test_value_text(value: Any, expected: str) -> None:
    assert value_text(value) == expected


def test_other_words() -> None:
    assert percent(0.9751) == "97.5 %"
    assert energy(7200) == "7.2 kJ (2.0 Wh)"
    assert date("2026-01-31T12:00:00+00:00") == "31 January 2026, 12:00 UTC"
    assert date("yesterday") == "yesterday"
    assert (counted(1, "photo"), counted(1200, "photo"), counted(2, "class", "classes")) == (
        "1 photo",
        "1,200 photos",
        "2 classes",
    )
    assert shortened("abcdef", 4) == "abc…"
