"""Runs and their comparison for programs: plain JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from tlx.core.comparing.compare import Comparison
from tlx.core.comparing.differences import Difference
from tlx.core.comparing.survey import RunSummary, Survey

SCHEMA: Final = 1


def describe_survey(survey: Survey) -> dict[str, Any]:
    """The runs of a folder.

    Schema 1: ``root``; ``finished``, the oldest first: for each run what :func:`describe_summary` gives;
    ``unfinished``: names; ``damaged``: ``name`` and ``reason`` of each.
    """
    return {
        "schema": SCHEMA,
        "root": str(survey.root),
        "finished": [describe_summary(summary) for summary in survey.finished],
        "unfinished": list(survey.unfinished),
        "damaged": [asdict(damaged) for damaged in survey.damaged],
    }


def describe_summary(summary: RunSummary) -> dict[str, Any]:
    """One run: the fields of :class:`RunSummary`, and ``minutes`` of all stages.

    ``compression``: of a run that ``tlx compress`` made the fields of :class:`~tlx.core.comparing.survey.Smaller`, else
    ``null``.
    """
    return asdict(summary) | {"folder": str(summary.folder), "minutes": summary.minutes}


def describe_comparison(comparison: Comparison) -> dict[str, Any]:
    """Two runs, held against each other.

    Schema 1:

    - ``a``, ``b``: what :func:`describe_summary` gives;
    - ``differences``: ``recipe``, ``data``, ``weights``, ``compression``, ``environment``: lists of ``key``,
      ``a``, ``b`` (``null``: not there); empty where there is none;
    - ``same_data``: same contents, labels and splits; ``splits``: photos of each by ``split``, ``a``, ``b``, ``both``
      (by content and label; ``null``: a list of photos can't be read);
    - ``validation``: ``judged``; if true ``photos``, ``only_a`` and ``only_b`` (photos that only one has right),
      ``difference`` (accuracy of B less that of A), ``p_value`` (McNemar's exact test), ``beyond_chance``; if false
      ``reason``.
    """
    paired = comparison.paired
    return {
        "schema": SCHEMA,
        "a": describe_summary(comparison.a),
        "b": describe_summary(comparison.b),
        "differences": {
            "recipe": _rows(comparison.recipe),
            "data": _rows(comparison.data.differences),
            "weights": _rows(comparison.weights),
            "compression": _rows(comparison.compression),
            "environment": _rows(comparison.environment),
        },
        "same_data": comparison.data.is_same,
        "splits": [asdict(counts) for counts in comparison.data.splits],
        "validation": {"judged": False, "reason": comparison.not_judged}
        if paired is None
        else {
            "judged": True,
            **asdict(paired),
            "difference": paired.difference,
            "beyond_chance": paired.is_beyond_chance,
        },
    }


def _rows(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    return [asdict(difference) for difference in differences]
