"""A bench as one HTML file that needs nothing else, not even scripts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from tlx import atomic
from tlx.bench.document import BenchDocument
from tlx.bench.page.sections import all_sections, cautions
from tlx.bench.page.words import breakable, machine_name
from tlx.bench.row_names import with_full_names
from tlx.bench.rows import EngineRow
from tlx.bench.table import number
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section
from tlx.core.report.shell import html_page
from tlx.core.report.words import TIMES, counted, date, duration
from tlx.version import __version__


def write_page(document: BenchDocument, path: Path) -> None:
    """Write a bench as one self-contained HTML file, whole or not at all.

    Raises:
        OutputError: If it can't be written.
    """
    atomic.write_text(path, render(document))


def render(document: BenchDocument) -> str:
    """The page as HTML."""
    sections = all_sections(document)
    main = element("main", *(section.markup() for section in sections))
    footer = element("footer", element("p", f"Written by tlx {__version__}. This file loads nothing from elsewhere."))
    style = resources.files("tlx.bench.page").joinpath("bench.css").read_text(encoding="utf-8")
    return html_page("Bench", _header(document, sections), main, footer, more_style=style)


def _header(document: BenchDocument, sections: Sequence[Section]) -> Markup:
    facts = (
        date(document.created_utc),
        machine_name(document),
        counted(document.photos.count, "photo"),
        counted(document.method.rounds, "interleaved round"),
        duration(document.method.seconds),
    )
    tiles = [
        element("div", element("dt", name), element("dd", value, element("small", breakable(words))))
        for name, value, words in _tiles(document)
    ]
    links = [element("a", section.title, href=f"#{section.anchor}") for section in sections]
    return element(
        "header",
        element("h1", "Bench"),
        element("p", join(facts, " · "), class_="facts"),
        element("dl", *tiles, class_="tiles") if tiles else Markup(""),
        *cautions(document),
        element("nav", *links, aria_label="Contents"),
    )


def _tiles(document: BenchDocument) -> list[tuple[str, str, str]]:
    """The fastest engine that isn't wrong, by the photo, and the baseline that it's compared with."""
    names = {
        row.key: named.name for row, named in zip(document.engines, with_full_names(document).engines, strict=True)
    }
    right = [row for row in document.engines if row.status != "failed" and not row.is_wrong and row.p50_ms is not None]
    if not right:
        return []
    fastest = min(right, key=_photo_ms)
    tiles = [("fastest right one", f"{number(_photo_ms(fastest))} ms", names[fastest.key])]
    baseline = document.baseline_of(fastest)
    if baseline is not None and baseline is not fastest:
        if fastest.ratio_to_baseline is not None:
            words = f"{number(fastest.ratio_to_baseline)} {TIMES}"
            tiles.append(("against the baseline", words, names[baseline.key]))
        tiles.append(("baseline", f"{number(_photo_ms(baseline))} ms", names[baseline.key]))
    most = max(right, key=lambda row: row.throughput_photos_per_s or 0.0)
    tiles.append(("most photos a second", number(most.throughput_photos_per_s), names[most.key]))
    return tiles


def _photo_ms(row: EngineRow) -> float:
    return (row.p50_ms or 0.0) / row.batch
