"""What became faster or slower from one bench to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tlx.bench.comparing.ratio import ratio_of_medians
from tlx.bench.document import BenchDocument
from tlx.bench.row_names import row_name
from tlx.bench.rows import EngineRow
from tlx.errors import InputError
from tlx.runtime.timing.statistics import CONFIDENCE, Estimate

DEFAULT_TOLERANCE: Final = 0.05


class Verdict(StrEnum):
    """What is said of a row."""

    FASTER = "faster"
    SLOWER = "slower"
    NO_DIFFERENCE = "no difference"
    UNKNOWN = "unknown"
    WRONG = "wrong"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class RowComparison:
    """One engine in both benches.

    Attributes:
        before: Its row in the first bench.
        after: Its row in the second one; None if it's gone.
        ratio: Time after to time before, over the rounds: 1.08 is 8 % slower; None where an engine failed or is gone.
        verdict: ``faster`` or ``slower``: the whole interval lies on one side of 1; ``no difference``: it doesn't;
            ``unknown``: too few rounds for an interval; ``wrong``, ``failed``: the engine was right, or worked, in the
            first bench and isn't, or doesn't, in the second; ``missing``: it was right in the first bench, and the
            second one has no such row.
        is_regression: Slower by more than the tolerance, the whole interval; or wrong; or failed; or missing.
        may_be_regression: No regression is shown, but one beyond the tolerance can't be ruled out.
    """

    before: EngineRow
    after: EngineRow | None
    ratio: Estimate | None
    verdict: Verdict
    is_regression: bool
    may_be_regression: bool

    @property
    def name(self) -> str:
        """The engine's name."""
        return self.before.name

    @property
    def key(self) -> tuple[str, int, int | None]:
        """Name, batch and threads, the same in both benches."""
        return self.before.key


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two benches.

    Attributes:
        rows: The engines that are in both, then those that are missing in the second.
        tolerance: How much slower is no regression: 0.05 is 5 %.
        row_confidence: Of each row's interval, so that all rows together have :data:`CONFIDENCE`.
        relative: Times were taken in units of the baseline's time in the same round.
        only_before: Engines of the first bench that the second one lacks, whether they were right or not.
        only_after: The reverse.
        notes: What differs between the benches beside the engines' times, a line each.
    """

    rows: tuple[RowComparison, ...]
    tolerance: float
    row_confidence: float
    relative: bool
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        """Whether any row is one."""
        return any(row.is_regression for row in self.rows)

    @property
    def may_be_regression(self) -> bool:
        """Whether one can't be ruled out."""
        return any(row.may_be_regression for row in self.rows)


def compare_benches(  # noqa: PLR0913 - each is an option of the command
    before: BenchDocument,
    after: BenchDocument,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    relative: bool = False,
    allow_missing: bool = False,
    notes: Sequence[str] = (),
) -> Comparison:
    """Compare the engines that are in both benches (same name, batch and threads), and tell which are gone.

    Args:
        before: The first bench.
        after: The second one.
        tolerance: How much slower is no regression, 0 or more.
        relative: Compare the times in units of the baseline's time in the same round: what slows the whole machine
            down cancels, and so does a change of the baseline itself.
        allow_missing: An engine that was right in the first bench may be missing in the second: no regression.
        notes: What differs otherwise; see :func:`tlx.bench.comparing.conditions.check_conditions`.

    Raises:
        InputError: If no engine is in both, or they can't be compared as asked.
    """
    old, new = ({row.key: row for row in document.engines} for document in (before, after))
    keys = [key for key in new if key in old]
    if not keys:
        names = "; ".join(", ".join(map(describe_key, rows)) for rows in (old, new))
        raise InputError(f"no engine is in both benches with the same batch and threads, got {names}")
    if relative:
        _check_baselines(before, after)
        keys = [key for key in keys if key[0] != after.baseline]
        if not keys:
            raise InputError(f"{after.baseline} is the only engine in both benches: nothing to compare relative to it")
    # Each row may err with its share of the error, so that one false alarm in all rows is as rare as stated.
    row_confidence = 1 - (1 - CONFIDENCE) / len(keys)
    rows = []
    for key in keys:
        times = [_round_times(doc, one[key], relative=relative) for doc, one in ((before, old), (after, new))]
        ratio = ratio_of_medians(times[0], times[1], row_confidence) if all(times) else None
        rows.append(judge(old[key], new[key], ratio, tolerance))
    gone = [missing(row, allowed=allow_missing) for key, row in old.items() if key not in new and row.status == "ok"]
    return Comparison(
        rows=(*rows, *gone),
        tolerance=tolerance,
        row_confidence=row_confidence,
        relative=relative,
        only_before=tuple(describe_key(key) for key in old if key not in new),
        only_after=tuple(describe_key(key) for key in new if key not in old),
        notes=(*notes, *_common_shift(rows, relative=relative)),
    )


def _common_shift(rows: Sequence[RowComparison], *, relative: bool) -> list[str]:
    """Engines seldom change all together: the machine does."""
    verdicts = {row.verdict for row in rows}
    if relative or len(rows) < 2 or len(verdicts) > 1 or not verdicts <= {Verdict.FASTER, Verdict.SLOWER}:  # noqa: PLR2004 - two can agree
        return []
    changed = verdicts.pop().value
    return [f"all {len(rows)} engines are {changed}: perhaps the machine is, which --relative leaves out"]


def judge(before: EngineRow, after: EngineRow, ratio: Estimate | None, tolerance: float) -> RowComparison:
    """Decide what is said of an engine.

    Args:
        before: Its row in the first bench.
        after: Its row in the second one.
        ratio: Time after to time before; None if an engine failed, or has no rounds.
        tolerance: How much slower is no regression.
    """
    if after.status == "failed":
        lost = before.status != "failed"
        return RowComparison(before, after, None, Verdict.FAILED, is_regression=lost, may_be_regression=False)
    if after.is_wrong and before.status == "ok":
        return RowComparison(before, after, ratio, Verdict.WRONG, is_regression=True, may_be_regression=False)
    if ratio is None or ratio.low is None or ratio.high is None:
        # What failed before can't have become worse.
        may_be = before.status != "failed"
        return RowComparison(before, after, ratio, Verdict.UNKNOWN, is_regression=False, may_be_regression=may_be)
    verdict = Verdict.SLOWER if ratio.low > 1 else Verdict.FASTER if ratio.high < 1 else Verdict.NO_DIFFERENCE
    is_regression = ratio.low > 1 + tolerance
    may_be = not is_regression and ratio.high > 1 + tolerance
    return RowComparison(before, after, ratio, verdict, is_regression=is_regression, may_be_regression=may_be)


def missing(before: EngineRow, *, allowed: bool) -> RowComparison:
    """What is said of an engine that was right in the first bench and that the second one lacks.

    An engine that nobody asked for by name and that doesn't load any more leaves a note in its bench, and no row.
    """
    return RowComparison(before, None, None, Verdict.MISSING, is_regression=not allowed, may_be_regression=False)


def describe_key(key: tuple[str, int, int | None]) -> str:
    """A row's name, with its batch and threads where they tell something."""
    name, batch, threads = key
    return row_name(name, batch=batch if batch > 1 else None, threads=threads)


def _check_baselines(before: BenchDocument, after: BenchDocument) -> None:
    if before.baseline is None or before.baseline != after.baseline:
        raise InputError(
            f"relative to the baseline needs the same one in both benches, got {before.baseline} and {after.baseline}"
        )


def _round_times(document: BenchDocument, row: EngineRow, *, relative: bool) -> list[float]:
    """The median call of each round, in milliseconds or in units of the baseline's; empty if there are none."""
    if not relative or not row.round_medians_ms:
        return row.round_medians_ms
    baseline = next(
        (one for one in document.engines if one.key == (document.baseline, row.batch, row.threads)),
        document.baseline_row,
    )
    assert baseline is not None
    if len(baseline.round_medians_ms) != len(row.round_medians_ms):
        raise InputError(
            f"{row.name}: expected a baseline of as many rounds, got {len(row.round_medians_ms)} and "
            f"{len(baseline.round_medians_ms)}"
        )
    return [own / base for own, base in zip(row.round_medians_ms, baseline.round_medians_ms, strict=True)]
