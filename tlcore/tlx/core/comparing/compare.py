"""Two runs, held against each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, get_args

from tlx.core.comparing.differences import Difference, differing
from tlx.core.comparing.paired import Outcomes, PairedResult, compare_outcomes, read_outcomes
from tlx.core.comparing.survey import RunSummary, summarize
from tlx.core.photos import Split
from tlx.core.runs import Run
from tlx.errors import RunError

SPLITS: Final[tuple[Split, ...]] = get_args(Split)


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Photos of one split.

    Attributes:
        both: Photos (by content and label) that are in this split of both runs; None if a run's list of photos can't
            be read.
    """

    split: Split
    a: int
    b: int
    both: int | None


@dataclass(frozen=True, slots=True)
class DataComparison:
    """What the runs were trained and validated on.

    Attributes:
        is_same: Same contents, labels and splits.
        differences: Folder, fingerprint and labels, where they differ.
    """

    is_same: bool
    splits: tuple[SplitCounts, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs' figures and what differs in how they came about.

    Attributes:
        paired: What the photos tell of the difference in accuracy; None where it can't be judged.
        not_judged: Why it can't.
    """

    a: RunSummary
    b: RunSummary
    recipe: tuple[Difference, ...]
    data: DataComparison
    weights: tuple[Difference, ...]
    compression: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    paired: PairedResult | None
    not_judged: str | None


def compare_runs(a: Run, b: Run) -> Comparison:
    """Hold two finished runs against each other."""
    paired: PairedResult | None = None
    not_judged: str | None = None
    try:
        paired = compare_outcomes(_outcomes(a, "A"), _outcomes(b, "B"))
    except RunError as error:
        not_judged = str(error)
    weights = [run.record.weights.model_dump() | {"started_from": run.record.started_from} for run in (a, b)]
    summaries = [summarize(run) for run in (a, b)]
    smaller = [asdict(summary.compression) if summary.compression else {} for summary in summaries]
    return Comparison(
        a=summaries[0],
        b=summaries[1],
        recipe=differing(a.record.recipe, b.record.recipe),
        data=_compare_data(a, b),
        weights=differing(*weights),
        compression=differing(*smaller),
        environment=differing(a.record.environment, b.record.environment),
        paired=paired,
        not_judged=not_judged,
    )


def _outcomes(run: Run, side: str) -> Outcomes:
    try:
        return read_outcomes(run)
    except RunError as error:
        raise RunError(f"{side}: {error}") from error


def _compare_data(a: Run, b: Run) -> DataComparison:
    counts = [{split: sum(run.record.data.counts.get(split, {}).values()) for split in SPLITS} for run in (a, b)]
    splits = tuple(
        SplitCounts(split, counts[0][split], counts[1][split], _in_both(a, b, split))
        for split in SPLITS
        if counts[0][split] or counts[1][split]
    )
    told = [run.record.data.model_dump(include={"root", "labels", "sha256"}) for run in (a, b)]
    return DataComparison(a.record.data.sha256 == b.record.data.sha256, splits, differing(*told))


def _in_both(a: Run, b: Run, split: Split) -> int | None:
    try:
        ours, theirs = ({(photo.sha256, photo.label) for photo in run.photos(split)} for run in (a, b))
    except RunError:
        return None
    return len(ours & theirs)
