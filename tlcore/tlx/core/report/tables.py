"""Tables: of rows, and of any nested document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tlx.core.report.markup import Markup, element, join
from tlx.core.report.words import spelled, value_text


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: bool = True, class_: str = ""
) -> Markup:
    """A table in a box of its own that scrolls where it's too wide.

    Args:
        caption: Says what it is, also to those who can't see it.
        heads: One for each column.
        rows: The first cell of each names the row.
        numeric: Columns after the first are numbers.
        class_: For the style sheet.
    """
    names = " ".join(name for name in ("numeric" if numeric else "", class_) if name)
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    return scrolling(
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
            element("tbody", *body),
            class_=names or None,
        ),
        caption,
    )


def scrolling(content: Markup, label: str) -> Markup:
    """A box that scrolls sideways by itself (by the keyboard, too), so that the page never does."""
    return element("div", content, class_="scroll", role="region", aria_label=label, tabindex="0")


def document_tables(title: str, document: Mapping[str, Any]) -> Markup:
    """Show a nested document: a table of its plain values, one for each part, and a column for each item of a list."""
    plain = {key: value for key, value in document.items() if not _is_part(value)}
    parts = [_pairs(title, plain)] if plain else []
    for key, value in document.items():
        if _is_part(value):
            parts.append(_columns(spelled(key), value) if isinstance(value, list) else _pairs(spelled(key), value))
    return join(parts)


def _is_part(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping) and bool(value)


def _pairs(caption: str, document: Mapping[str, Any]) -> Markup:
    rows = [(spelled(key), value_text(value)) for key, value in _flat(document)]
    return table(caption, ("setting", "value"), rows, numeric=False, class_="pairs")


def _columns(caption: str, items: Sequence[Mapping[str, Any]]) -> Markup:
    flat = [dict(_flat(item)) for item in items]
    keys = [key for key in dict.fromkeys(key for item in flat for key in item) if key != "name"]
    # What is a part of some items is absent from the others, not a value of its own.
    keys = [key for key in keys if not any(other.startswith(f"{key} ") for other in keys)]
    heads = [str(item.get("name", number)) for number, item in enumerate(items, start=1)]
    rows = [[spelled(key), *(value_text(item.get(key)) for item in flat)] for key in keys]
    return table(caption, ("setting", *heads), rows, numeric=False, class_="pairs")


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} ")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value, start=1):
                yield from _flat(item, f"{prefix}{key} {number} ")
        else:
            yield f"{prefix}{key}", value
