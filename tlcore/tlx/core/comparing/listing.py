"""The runs of a folder as a table for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tlx.core.comparing.survey import RunSummary, Smaller, Survey, resume_command
from tlx.core.compress.summary import drop_words, figure
from tlx.runtime.output.printable import printable

_DATED_NAME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T")
_SMALLEST: Final = {"run": 10, "preset": 8}
_FINE_BELOW_MIN: Final = 10


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: tuple[str, ...]
    is_text: bool = False

    @property
    def width(self) -> int:
        return max(len(text) for text in (self.title, *self.cells))


def format_survey(survey: Survey, width: int = 80) -> list[str]:
    """Lines of text: a row for each finished run, the newest last, what compression made, then the others by name.

    Args:
        survey: What is shown.
        width: Columns of the terminal, at least 80. Where they don't suffice, dates and presets that the names tell
            already are left out, then long names lose their middle.
    """
    lines = _table(survey.finished, width) if survey.finished else []
    lines += [f"compressed: {run.name}: {_smaller(run.compression)}" for run in survey.finished if run.compression]
    lines += [f"unfinished: {resume_command(name, survey.root)}" for name in survey.unfinished]
    lines += [f"damaged: {damaged.name}: {damaged.reason}" for damaged in survey.damaged]
    if not lines:
        return [f"no runs in {survey.root}/: run 'tlx train DATA' first"]
    return [printable(line) for line in lines]


def shorten_middle(text: str, width: int) -> str:
    """The text with ``…`` in place of its middle, if it's longer than ``width`` (at least 3)."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def _smaller(made: Smaller) -> str:
    return f"{figure(made.speedup)} times as fast as {made.original}, {drop_words(made.drop_points)}"


def _table(runs: Sequence[RunSummary], width: int) -> list[str]:
    columns, gap = _columns(runs), 2
    if _total(columns, gap) > width:
        columns = [column for column in columns if not _is_told_by_names(column.title, runs)]
    if _total(columns, gap) > width:
        gap = 1
    columns = _shortened(columns, _total(columns, gap) - width)
    return [
        (" " * gap).join(
            text.ljust(column.width) if column.is_text else text.rjust(column.width)
            for column, text in zip(columns, row, strict=True)
        )
        for row in zip(*((column.title, *column.cells) for column in columns), strict=True)
    ]


def _columns(runs: Sequence[RunSummary]) -> list[_Column]:
    return [
        _Column("run", tuple(run.name for run in runs), is_text=True),
        _Column("date", tuple(run.created_utc[:10] for run in runs), is_text=True),
        _Column("preset", tuple(run.preset for run in runs), is_text=True),
        _Column("accuracy", tuple(f"{run.validation_accuracy:.4f}" for run in runs)),
        _Column("best", tuple(f"{run.best_validation_accuracy:.4f}" for run in runs)),
        _Column("photos", tuple(str(run.validation_photos) for run in runs)),
        _Column("epoch", tuple(f"{run.kept_epoch}/{run.epochs}" for run in runs)),
        _Column("min", tuple(_minutes(run.minutes) for run in runs)),
        _Column("classes", tuple(str(run.classes) for run in runs)),
        _Column("seed", tuple(str(run.seed) for run in runs)),
    ]


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f}" if minutes < _FINE_BELOW_MIN else f"{minutes:.0f}"


def _total(columns: Sequence[_Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _is_told_by_names(title: str, runs: Sequence[RunSummary]) -> bool:
    if title == "date":
        return all(_DATED_NAME.match(run.name) for run in runs)
    return title == "preset" and all(run.preset in run.name for run in runs)


def _shortened(columns: Sequence[_Column], excess: int) -> list[_Column]:
    found = []
    for column in columns:
        width = max(_SMALLEST.get(column.title, column.width), column.width - max(excess, 0))
        cells = tuple(shorten_middle(cell, width) for cell in column.cells)
        found.append(_Column(column.title, cells, column.is_text))
        excess -= column.width - found[-1].width
    return found
