"""What a models folder's history says of a rollback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlx.runtime.registry_history import HISTORY_FILE, Action, Change, append, read_history, trail

ACTIONS: dict[str, Action] = {"+": "publish", "=": "use", "-": "rollback"}


def changes_of(words: str) -> list[Change]:
    """``"+A:. -B:A"``: A was published when nothing was current, then rolled back to B when A was."""
    changes = []
    for word in words.split():
        sha256, previous = word[1:].split(":")
        action = ACTIONS[word[0]]
        changes.append(Change(at_utc="", action=action, sha256=sha256, previous=previous.replace(".", "") or None))
    return changes


@pytest.mark.parametrize(
    ("history", "current", "expected"),
    [
        ("", None, ""),
        ("", "A", "A"),  # a folder that was copied without its history
        ("+A:.", "A", "A"),
        ("+A:. +B:A +C:B", "C", "ABC"),
        ("+A:. +B:A +C:B -B:C", "B", "AB"),  # a second rollback goes on to A, not back to C
        ("+A:. +B:A +C:B -B:C -A:B", "A", "A"),
        ("+A:. +B:A -A:B +C:A", "C", "AC"),
        ("+A:. +B:A +C:B =A:C", "A", "ABCA"),  # choosing one is a step forward
        ("+A:. +B:A +C:B =A:C -C:A -B:C", "B", "AB"),
        ("+A:. +B:A", "A", "A"),  # killed before B was current
        ("+A:. +B:A +C:B -B:C", "C", "ABC"),  # killed before the rollback took hold
        ("+A:. +B:A +C:A", "C", "AC"),  # killed, and then another one was published
        ("+A:. +B:A +B:A", "B", "AB"),
        ("+A:. +B:A", "X", "ABX"),  # changed by hand
        ("+A:. +B:A +C:X", "C", "ABXC"),
        ("+B:A", "B", "AB"),  # the history began later than the folder
        ("+A:. +B:A", None, "AB"),  # current was deleted by hand
        ("-B:A", "B", "AB"),
    ],
)
def test_trail(history: str, current: str | None, expected: str) -> None:
    assert "".join(trail(changes_of(history), current)) == expected


def test_append_keeps_what_it_does_not_understand(tmp_path: Path) -> None:
    first, second = changes_of("+A:. =B:A")
    append(tmp_path, first)
    file = tmp_path / HISTORY_FILE
    file.write_bytes(file.read_bytes() + b'{"of": "another version"}\n\xff cut sho')
    append(tmp_path, second)
    assert read_history(tmp_path) == [first, second]
    assert b"another version" in file.read_bytes()


def test_no_history_is_an_empty_one(tmp_path: Path) -> None:
    assert read_history(tmp_path) == []
