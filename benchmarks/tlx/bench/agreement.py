"""Whether an engine says the same as the baseline: a fast wrong engine must not win a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from tlx.core.comparing.paired import mcnemar_p_value
from tlx.runtime.choice import decide
from tlx.runtime.timing.statistics import CONFIDENCE

if TYPE_CHECKING:
    from tlx.bench.plan import EnginePrecision

# The largest |dp| that rounding explains; coarser precisions come later. Quantized weights are another function: only
# their labels are judged.
TOLERANCES: Final[dict[EnginePrecision, float | None]] = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": None}
MOST_OTHER_LABELS: Final = 0.02
"""The share of photos, of whatever content, that an honest quantization gives another label."""
_A_TIE: Final = 1
"""So many photos alone condemn nobody: they may lie between two labels."""


Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One engine's predictions beside the baseline's, over the same photos.

    Attributes:
        photos: Number of photos.
        labels_equal: On how many both give the same label.
        max_abs_difference: The largest difference of a probability, 0–1; None if the engine gave a value that
            isn't a number.
        tolerance: What :attr:`max_abs_difference` may be; None if only labels are judged.
        agrees: All labels are equal and the difference is within the tolerance.
        wrong: It computes something else than the baseline, whatever its speed: what isn't a number; probabilities
            outside the tolerance; or, where there is no tolerance, labels that :func:`compare` calls too bad. Of
            another network only what isn't a number is wrong.
        same_network: Both come from the same run or the same file; others differ by their nature, and their accuracy
            is what judges them.
        labels_lost: Photos of a known label that the baseline gives and this one doesn't; None if no label is known.
        labels_gained: The reverse.
    """

    photos: int
    labels_equal: int
    max_abs_difference: float | None
    tolerance: float | None
    agrees: bool
    wrong: bool
    same_network: bool = True
    labels_lost: int | None = None
    labels_gained: int | None = None


def label_indices(probabilities: Probabilities, threshold: float) -> npt.NDArray[np.intp]:
    """The label of each photo.

    Args:
        probabilities: ``float32 [N, classes]``.
        threshold: For two classes: the second is given from this probability of it upwards.

    Returns:
        ``[N]`` indices into the labels; -1 where a probability isn't a number.
    """
    labels = [decide(row.tolist(), threshold) if np.isfinite(row).all() else -1 for row in probabilities]
    return np.array(labels, dtype=np.intp)


def coarser(one: EnginePrecision, other: str | None) -> EnginePrecision:
    """Of two precisions the one that explains more; None says nothing."""
    assert other is None or other in TOLERANCES, f"expected one of {', '.join(TOLERANCES)}, received {other}"
    return max((name for name in TOLERANCES if name in {one, other}), key=list(TOLERANCES).index)


def compare(
    baseline: Probabilities,
    other: Probabilities,
    *,
    precision: EnginePrecision,
    thresholds: tuple[float, float],
    true_classes: Sequence[int | None] = (),
) -> Agreement:
    """Compare an engine's predictions with the baseline's.

    Labels are too bad, with 95 % confidence, if the accuracy on photos of a known label is below the baseline's (the
    exact paired test of McNemar, one-sided), or if more than :data:`MOST_OTHER_LABELS` of the other photos get
    another label (the exact binomial test; one photo alone is a tie).

    Args:
        baseline: ``float32 [N, classes]``.
        other: The same photos' probabilities by the other engine.
        precision: The coarser one of theirs; it decides the tolerance.
        thresholds: Decision thresholds of the baseline and of the other.
        true_classes: For each photo the place of its true label, None where that isn't known; empty for no photo.
    """
    baseline_labels, other_labels = label_indices(baseline, thresholds[0]), label_indices(other, thresholds[1])
    same = (baseline_labels == other_labels) & (other_labels >= 0)
    difference = float(np.abs(baseline.astype(np.float64) - other.astype(np.float64)).max())
    tolerance = TOLERANCES[precision]
    is_number = bool(np.isfinite(difference))
    close = is_number and (tolerance is None or difference <= tolerance)
    known = np.array([place is not None for place in true_classes or [None] * len(same)])
    truth = np.array([place for place in true_classes if place is not None], np.intp)
    right_before, right_now = baseline_labels[known] == truth, other_labels[known] == truth
    lost, gained = int((right_before & ~right_now).sum()), int((right_now & ~right_before).sum())
    bad_labels = is_worse(lost, gained) or are_too_many(int((~same & ~known).sum()), int((~known).sum()))
    return Agreement(
        photos=len(baseline),
        labels_equal=int(same.sum()),
        max_abs_difference=difference if is_number else None,
        tolerance=tolerance,
        agrees=bool(same.all()) and close,
        wrong=not close or (tolerance is None and bad_labels),
        labels_lost=lost if known.any() else None,
        labels_gained=gained if known.any() else None,
    )


def beside_another_network(agreement: Agreement, other: Probabilities) -> Agreement:
    """The same figures, of an engine that computes another network than the one it was compared with."""
    return replace(agreement, wrong=not np.isfinite(other).all(), same_network=False)


def is_worse(lost: int, gained: int) -> bool:
    """Whether so many labels lost beside so many gained are hardly chance where both engines are as accurate."""
    return lost > gained and mcnemar_p_value(lost, gained) / 2 <= 1 - CONFIDENCE


def are_too_many(others: int, photos: int) -> bool:
    """Whether so many other labels are hardly chance where at most :data:`MOST_OTHER_LABELS` are expected."""
    if others <= _A_TIE:
        return False
    share = MOST_OTHER_LABELS
    fewer = sum(math.comb(photos, k) * share**k * (1 - share) ** (photos - k) for k in range(others))
    return 1 - fewer <= 1 - CONFIDENCE
