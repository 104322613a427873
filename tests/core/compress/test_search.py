"""The way to the fastest network within a drop, from an original of 60 ms."""

from __future__ import annotations

import pytest

from tlx.core.compress.search import Visit, next_limit_ms

KEPT_10, KEPT_6 = Visit(10.0, 9.0, is_kept=True), Visit(6.0, 6.0, is_kept=True)
LOSSY_10, LOSSY_4, LOSSY_50 = Visit(10.0, 9.0), Visit(4.0, 4.0), Visit(50.0, 48.0)
NONE_10, NONE_4, NONE_50 = Visit(10.0), Visit(4.0), Visit(50.0)


@pytest.mark.parametrize(
    ("visits", "bound_ms", "expected"),
    [
        # Where it begins.
        ([], None, 10.0),
        ([], 20.0, 20.0),
        # As long as the drop is kept, faster; the measured time counts.
        ([KEPT_10], None, 6.0),
        ([KEPT_10], 10.0, 6.0),
        ([KEPT_10, KEPT_6], 10.0, 4.0),
        # Beyond the last one that keeps it is nothing to find.
        ([KEPT_10, KEPT_6, LOSSY_4], None, None),
        ([KEPT_10, KEPT_6, NONE_4], None, None),
        # The slowest that was asked for loses too much, or isn't there.
        ([LOSSY_10], 10.0, None),
        ([NONE_10], 10.0, None),
        # Nothing was asked for: slower.
        ([LOSSY_10], None, 13.5),
        ([NONE_10], None, 15.0),
        ([NONE_10, LOSSY_10, Visit(13.5, 13.0, is_kept=True)], None, None),
        # Not as slow as the original.
        ([LOSSY_50], None, None),
        ([NONE_50], None, None),
    ],
)
def test_each_time_follows_from_those_before(
    visits: list[Visit], bound_ms: float | None, expected: float | None
) -> None:
    assert next_limit_ms(visits, 60.0, bound_ms) == (expected if expected is None else pytest.approx(expected))
