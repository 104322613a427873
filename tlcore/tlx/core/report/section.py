"""A part of the page under its own heading."""

from __future__ import annotations

from dataclasses import dataclass

from tlx.core.report.markup import Markup, element


@dataclass(frozen=True, slots=True)
class Section:
    """What the page is made of.

    Attributes:
        anchor: Its name in addresses, unique in the page.
        title: Its heading, also its entry in the list of contents.
    """

    anchor: str
    title: str
    body: Markup

    def markup(self) -> Markup:
        """The section as HTML."""
        heading = f"{self.anchor}-title"
        return element(
            "section",
            element("h2", self.title, id=heading),
            self.body,
            id=self.anchor,
            aria_labelledby=heading,
        )


def card(*children: str, title: str = "", class_: str = "") -> Markup:
    """A framed part of a section."""
    heading = (element("h3", title),) if title else ()
    return element("div", *heading, *children, class_=f"card {class_}".strip())


def note(text: str) -> Markup:
    """A remark in small print."""
    return element("p", text, class_="note")
