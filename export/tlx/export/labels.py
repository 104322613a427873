"""The labels that somebody gives for a model: ``cats,dogs``, or a text file with one label a line."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Final

from tlx.errors import InputError

LABEL_FILE_SUFFIX: Final = ".txt"
_MAX_FILE_BYTES: Final = 2**20


def read_labels(given: str) -> list[str]:
    """Read labels in the order of the model's outputs.

    Args:
        given: Labels with commas between them, or the name of a text file (``.txt``, UTF-8), one label a line.

    Returns:
        At least two labels that differ, in Unicode's composed form, as the names of folders are read.

    Raises:
        InputError: If there are fewer, one is empty or comes twice, or the file can't be read.
    """
    from_file = given.lower().endswith(LABEL_FILE_SUFFIX)
    lines = _lines(Path(given)) if from_file else given.split(",")
    labels = [unicodedata.normalize("NFC", line.strip()) for line in lines]
    where = given if from_file else f"--labels {given!r}"
    if "" in labels:
        raise InputError(f"{where}: label {labels.index('') + 1} is empty: give each output of the model its name")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for label in labels for character in label):
        raise InputError(f"{where}: a label has control characters: write it as plain text")
    if len(labels) < 2:  # noqa: PLR2004 - a classifier tells two things apart
        raise InputError(
            f"{where}: expected at least 2 labels in the order of the model's outputs, as in cats,dogs, "
            f"got {len(labels)} (a file of labels ends in {LABEL_FILE_SUFFIX})"
        )
    twice = [label for place, label in enumerate(labels) if label in labels[:place]]
    if twice:
        raise InputError(f"{where}: the label {twice[0]!r} comes twice")
    return labels


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InputError(f"{path}: has more than {_MAX_FILE_BYTES:,} bytes: expected one label a line")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text: expected one label a line") from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}): expected a text file, one label a line") from error
    return text.rstrip().splitlines()
