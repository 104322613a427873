"""What is around every page: one HTML file that needs nothing else, not even scripts."""

from __future__ import annotations

from importlib import resources
from typing import Final

from tlx.core.report.markup import Markup, element

# The page can't fetch anything, whatever a file name or a label manages to smuggle in.
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_page(title: str, *body: Markup, more_style: str = "") -> str:
    """A whole page for desktop and phone, light and dark, in the house's style.

    Args:
        title: That of the window.
        body: What it shows.
        more_style: CSS behind the house's own.
    """
    style = resources.files("tlx.core.report").joinpath("style.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", f"{title} · tlx"),
        element("style", Markup(style + more_style)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', *body), lang='en')}\n"
