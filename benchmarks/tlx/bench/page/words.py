"""Names of rows as a page shows them."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from tlx.bench.document import BenchDocument
from tlx.bench.rows import NVIDIA
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.words import TIMES

_WIDE: Final = frozenset("mwMW@%…")


def breakable(name: str) -> Markup:
    """A row's name that a narrow window may break after a dot or a colon, before it must anywhere else."""
    return join(re.split(r"(?<=[.:])", name), element("wbr"))


def machine_name(document: BenchDocument) -> str:
    """The processor, and the GPUs if an engine ran on one: ``2 × NVIDIA H200``."""
    environment = document.environment
    used = any(row.provider in NVIDIA for row in document.engines)
    counts = Counter(environment.gpus or ["a GPU"]) if used else Counter()
    gpus = [name if number == 1 else f"{number} {TIMES} {name}" for name, number in counts.items()]
    return ", ".join([environment.processor, *gpus])


def fitted(text: str, width: float) -> str:
    """As much of a text as fits into a width of a chart, in its units, on a phone as well: letters are largest there.

    Long names lose their middle, which tells the least.
    """
    if _width(text) <= width:
        return text
    kept = len(text) - 1
    while kept > 1 and _width(_without_middle(text, kept)) > width:
        kept -= 1
    return _without_middle(text, kept)


def _without_middle(text: str, kept: int) -> str:
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def _width(text: str) -> float:
    return sum(14.5 if letter in _WIDE else 12.0 if letter.isupper() or ord(letter) > 0x2FF else 9.5 for letter in text)  # noqa: PLR2004 - beyond Latin
