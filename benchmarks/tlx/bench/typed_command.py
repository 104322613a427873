"""A command as a person would type it where it ran: what reports publish must not hang on one machine's folders."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Final

_HERE: Final = "./"


def typed_command(words: Sequence[str | PurePath]) -> str:
    """Join words for a shell, with absolute paths below the working directory relative to it.

    Other paths stay as they were given: nothing is resolved.

    Args:
        words: The program and what follows it; a path may also follow an option's ``=``.
    """
    here = _working_directory()
    return shlex.join(_typed(str(word), here) for word in words)


def _typed(word: str, here: Sequence[Path]) -> str:
    option, equals, value = word.partition("=")
    if equals and option.startswith("-"):
        return f"{option}={_relative(value, here)}"
    return _relative(word, here)


def _relative(word: str, here: Sequence[Path]) -> str:
    path = Path(word)
    if not path.is_absolute() or ".." in path.parts:
        return word
    for folder in here:
        if path.is_relative_to(folder):
            name = str(path.relative_to(folder))
            return f"{_HERE}{name}" if name.startswith("-") else name
    return word


def _working_directory() -> list[Path]:
    """Its names: links followed, and as the shell calls it; none if it's gone."""
    try:
        here = Path.cwd()
        called = Path(os.environ.get("PWD", here))
        return [here, called] if called.is_absolute() and called.samefile(here) else [here]
    except OSError:
        return []
