"""The report of a run: one HTML file that needs nothing else, not even scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tlx import atomic
from tlx.core.compress.summary import missed_bounds, needless_speed, refusals
from tlx.core.report import compression_sections, fact_sections, photo_sections, quality_sections, training_sections
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section
from tlx.core.report.shell import html_page
from tlx.core.report.source import ReportSource
from tlx.core.report.words import UNKNOWN, counted, date, duration, energy
from tlx.version import __version__


def write_report(source: ReportSource, path: Path) -> None:
    """Write a run's report as one self-contained HTML file, whole or not at all.

    Photos that can't be read any more are shown as such.

    Raises:
        OutputError: If it can't be written.
    """
    atomic.write_text(path, render(source))


def render(source: ReportSource) -> str:
    """The page as HTML; thumbnails are read from the photos' files."""
    sections = [
        section
        for section in (
            compression_sections.compression(source),
            training_sections.curves(source),
            quality_sections.quality(source.evaluation),
            photo_sections.mistakes(source.evaluation),
            photo_sections.augmentation(source),
            fact_sections.data(source),
            training_sections.time_and_energy(source),
            fact_sections.configuration(source),
            fact_sections.environment(source),
            fact_sections.next_commands(source),
        )
        if section is not None
    ]
    main = element("main", *(section.markup() for section in sections))
    return html_page(source.record.name, _header(source, sections), main, _footer())


def _header(source: ReportSource, sections: Sequence[Section]) -> Markup:
    record = source.record
    facts = (
        date(record.created_utc),
        f"recipe {record.recipe.get('name', UNKNOWN)}",
        counted(len(record.data.labels), "class", "classes"),
        f"seed {record.seed}",
    )
    tiles = [
        element("div", element("dt", name), element("dd", value, element("small", words)))
        for name, value, words in _tiles(source)
    ]
    links = [element("a", section.title, href=f"#{section.anchor}") for section in sections]
    return element(
        "header",
        element("h1", record.name),
        element("p", join(facts, " · "), class_="facts"),
        element("dl", *tiles, class_="tiles"),
        *_cautions(source),
        element("nav", *links, aria_label="Contents"),
    )


def _tiles(source: ReportSource) -> list[tuple[str, str, str]]:
    result = source.record.result
    joules = getattr(result, "energy_j", {}) or {}
    took = duration(sum(result.seconds.values()))
    quality = quality_sections.headline_tiles(source.evaluation)
    if (compression := source.record.compression) is not None:
        words = energy(sum(joules.values())) if joules else f"of it learning {duration(60 * compression.minutes)}"
        return [*quality, *compression_sections.headline_tiles(compression), ("compression", took, words)]
    return [
        *quality,
        ("kept epoch", str(result.kept_epoch), f"of {result.epochs}"),
        ("training", took, energy(sum(joules.values())) if joules else "from the photos to the model"),
    ]


def _cautions(source: ReportSource) -> list[Markup]:
    """What a reader must know not to read too much into the figures."""
    compression = source.record.compression
    words = [*missed_bounds(compression), *refusals(compression), *needless_speed(compression)] if compression else []
    if any(phase.get("keep") == "best" for phase in source.record.recipe.get("phases", ())):
        kept = "that the original kept" if source.record.compression else "that is kept"
        words.append(
            f"The validation photos also chose the epoch {kept}, so expect a little less on photos that the "
            "model has never met."
        )
    if source.evaluation.trained_on:
        words.append(
            f"{counted(source.evaluation.trained_on, 'photo')} of these are training photos: the figures flatter "
            "the model."
        )
    if not source.record.weights.is_imagenet:
        words.append(f"The network did not start from ImageNet's weights but from: {source.record.weights.name}.")
    return [element("p", text, class_="caution") for text in words]


def _footer() -> Markup:
    return element(
        "footer",
        element(
            "p",
            f"Written by tlx {__version__}. This file holds small copies of some of your photos and loads nothing "
            "from elsewhere.",
        ),
    )
