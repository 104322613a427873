"""HTML built from elements, so that what comes from users is escaped without anybody having to think of it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from tlx.runtime.output.printable import printable

# HTML gives these no closing tag.
_VOID: Final = frozenset({"br", "col", "img", "link", "meta", "wbr"})


class Markup(str):
    """HTML that goes into a page as it is; every other string is text and gets escaped."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """Text as HTML, also fit for an attribute; control characters and invalid bytes are made visible."""
    return text if isinstance(text, Markup) else Markup(html.escape(printable(text)))


def join(parts: Iterable[str], separator: str = "") -> Markup:
    """The parts one after the other, each escaped unless it's :class:`Markup`."""
    return Markup(escape(separator).join(escape(part) for part in parts))


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """One HTML or SVG element.

    Args:
        name: The tag.
        children: Text and elements.
        attributes: ``class_`` becomes ``class`` and other underscores hyphens; None leaves the attribute out;
            numbers are rounded to two places.
    """
    words = [name, *(_attribute(key, value) for key, value in attributes.items() if value is not None)]
    opening = Markup(f"<{' '.join(words)}>")
    return opening if name in _VOID else Markup(f"{opening}{join(children)}</{name}>")


def _attribute(key: str, value: str | float) -> str:
    text = value if isinstance(value, str) else f"{round(value, 2):g}" if abs(value) < 1e5 else str(value)  # noqa: PLR2004 - %g turns to powers of ten there
    return f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"'
