"""What differs between two documents."""

from __future__ import annotations

from tlx.core.comparing.differences import Difference, differing, flatten


def test_flatten_names_places_and_keeps_plain_lists_whole() -> None:
    document = {"a": {"b": 1, "c": [150, 150]}, "phases": [{"name": "x"}, {"name": "y", "rates": ()}], "d": None}
    assert list(flatten(document)) == [
        ("a.b", 1),
        ("a.c", [150, 150]),
        ("phases[0].name", "x"),
        ("phases[1].name", "y"),
        ("phases[1].rates", []),
        ("d", None),
    ]


def test_only_what_differs_is_told() -> None:
    a = {"same": 1, "other": 2, "gone": {"deep": "x"}, "list": [1, 2], "phases": [{"epochs": 3}]}
    b = {"other": 3, "same": 1, "list": [2, 1], "phases": [{"epochs": 3}, {"epochs": 9}], "new": False}
    assert differing(a, b) == (
        Difference("other", 2, 3),
        Difference("gone.deep", "x", None),
        Difference("list", [1, 2], [2, 1]),
        Difference("phases[1].epochs", None, 9),
        Difference("new", None, False),
    )
    assert differing(a, a) == ()
