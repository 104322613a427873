"""What a models folder's ``current`` has been: a log that only grows, and what follows from it for a rollback.

A line is written before ``current`` is changed, so that no change goes unrecorded; a process that is killed between
the two leaves a line that never took hold. Each line says what was current before it, so the next line (for the last
one: ``current`` itself) tells whether it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tlx import atomic
from tlx.errors import InputError

HISTORY_FILE: Final = "history.jsonl"

Action = Literal["publish", "use", "rollback"]


class Change(BaseModel):
    """One change of ``current``.

    Attributes:
        sha256: The version that it was to name from then on.
        previous: The one that it named until then; None if there was none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    at_utc: str
    action: Action
    sha256: str
    previous: str | None


def read_history(registry: Path) -> list[Change]:
    """All changes, the oldest first; lines that aren't ours are passed over.

    Raises:
        InputError: If the file is there but can't be read.
    """
    return [change for line in _read(registry).splitlines() if (change := _parse(line))]


def append(registry: Path, change: Change) -> None:
    """Add a change durably; the whole file is replaced, so that no power loss leaves half a line.

    Raises:
        OutputError: If it can't be written.
    """
    text = _read(registry)
    if text and not text.endswith("\n"):
        text += "\n"
    atomic.write_text(registry / HISTORY_FILE, f"{text}{change.model_dump_json()}\n")


def trail(changes: Sequence[Change], current: str | None) -> list[str]:
    """The way back from the current version.

    A rollback goes one step back and forgets the step that it undid, so that the next one goes on further back;
    everything else is a step forward.

    Args:
        changes: The whole history.
        current: What is current now.

    Returns:
        Versions, the current one last; before it the one that was current before, and so on.
    """
    steps: list[str] = []
    if changes and changes[0].previous is not None:
        steps.append(changes[0].previous)
    for place, change in enumerate(changes):
        then = changes[place + 1].previous if place + 1 < len(changes) else current
        if then != change.sha256 and then == change.previous:
            continue  # killed before it took hold
        if change.action == "rollback" and change.sha256 in steps:
            while steps[-1] != change.sha256:
                steps.pop()
        else:
            _step(steps, change.sha256)
        _step(steps, then)  # another one only if somebody changed it by hand
    if not changes:
        _step(steps, current)
    return steps


def _step(steps: list[str], version: str | None) -> None:
    if version is not None and steps[-1:] != [version]:
        steps.append(version)


def _read(registry: Path) -> str:
    try:
        return (registry / HISTORY_FILE).read_text(encoding="utf-8", errors="backslashreplace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InputError(f"{registry / HISTORY_FILE}: can't be read ({error.strerror or error})") from error


def _parse(line: str) -> Change | None:
    try:
        return Change.model_validate_json(line)
    except ValidationError:
        return None
