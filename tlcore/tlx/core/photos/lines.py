"""What is told of a data set on a terminal, one line a fact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tlx.core.photos.balance import imbalance_line
from tlx.core.photos.records import Dataset, Problem, ProblemKind

_KINDS: Final[tuple[ProblemKind, ...]] = ("unreadable", "duplicate", "tiny")
_WORDS: Final[dict[ProblemKind, str]] = {
    "unreadable": "{} unreadable",
    "duplicate": "{} there twice",
    "tiny": "{} tiny but kept",
}


def data_lines(dataset: Dataset, *, limit: int = 10, all_in: str = "run.json") -> list[str]:
    """Everything worth telling before training: bad files, what else was found, counts, imbalance, a summary.

    Args:
        dataset: As :func:`tlx.core.photos.load_dataset` gives it.
        limit: At most this many files of each kind, and as many labels of each split, are named.
        all_in: Where a person finds the rest.
    """
    lines = []
    for kind in _KINDS:
        found = [finding_line(finding) for finding in dataset.findings if finding.kind == kind]
        lines += shortened(found, limit, f"all in {all_in}")
    lines += dataset.notes
    lines += [f"{split}: {_counts_text(by_label, limit)}" for split, by_label in dataset.counts.items()]
    uneven = imbalance_line(dataset.counts.get("train", {}))
    return [*lines, *([uneven] if uneven else []), summary_line(dataset)]


def finding_line(finding: Problem) -> str:
    """One line that says what became of the file."""
    return f"left out: {finding.text}" if finding.left_out else f"tiny: {finding.text}"


def shortened(lines: Sequence[str], limit: int, where: str) -> list[str]:
    """At most ``limit`` lines, and then one that says how many more there are and where."""
    if len(lines) <= limit:
        return list(lines)
    return [*lines[:limit], f"… and {len(lines) - limit} more ({where})"]


def summary_line(dataset: Dataset) -> str:
    """The number of photos and of those that were found wanting."""
    kinds = Counter(finding.kind for finding in dataset.findings)
    parts = [_WORDS[kind].format(kinds[kind]) for kind in _KINDS if kinds[kind]]
    total = f"{len(dataset.photos)} photos of {len(dataset.labels)} classes"
    return f"{total}: {', '.join(parts)}" if parts else f"{total}, all readable"


def _counts_text(by_label: Mapping[str, int], limit: int) -> str:
    named = [f"{count} {label}" for label, count in by_label.items()]
    more = len(named) - limit
    return ", ".join([*named[:limit], f"… and {more} more classes"] if more > 0 else named)
