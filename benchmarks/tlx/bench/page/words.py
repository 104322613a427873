"""Names of rows as a page shows them."""

from __future__ import annotations

from typing import Final

from tlx.bench.rows import EngineRow

_WIDE: Final = frozenset("mwMW@%…")


def row_name(row: EngineRow) -> str:
    """The engine with its batch, where that tells something: ``keras.call, batch 8``."""
    return row.name if row.batch == 1 else f"{row.name}, batch {row.batch}"


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
