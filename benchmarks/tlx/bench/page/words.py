"""Names of rows as a page shows them."""

from __future__ import annotations

from typing import Final

from tlx.bench.document import BenchDocument
from tlx.bench.rows import EngineRow

_WIDE: Final = frozenset("mwMW@%…")


def with_full_names(document: BenchDocument) -> BenchDocument:
    """The same bench, with batch and threads in the rows' names where these differ: ``keras.call, batch 8``."""
    several = {field: len({getattr(row, field) for row in document.engines}) > 1 for field in ("batch", "threads")}

    def named(row: EngineRow) -> EngineRow:
        parts = [row.name, *(f"{field} {getattr(row, field)}" for field, differs in several.items() if differs)]
        return row.model_copy(update={"name": ", ".join(parts)})

    baseline = document.baseline_row
    rows = {"engines": [named(row) for row in document.engines], "baseline": baseline and named(baseline).name}
    return document.model_copy(update=rows)


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
