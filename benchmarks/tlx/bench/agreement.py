"""Whether an engine says the same as the baseline: a fast wrong engine must not win a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from tlx.runtime.choice import decide
from tlx.runtime.timing.statistics import CONFIDENCE

if TYPE_CHECKING:  # workers use this too, and load nothing that their engine doesn't need
    from tlx.bench.plan import EnginePrecision

# The largest |dp| that rounding explains. Quantized weights are another function: only their labels are judged.
TOLERANCES: Final[dict[EnginePrecision, float | None]] = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": None}
MOST_OTHER_LABELS: Final = 0.05
"""The share of other labels that a coarser precision explains."""

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
        wrong: It computes something else than the baseline, whatever its speed: what isn't a number, probabilities
            outside the tolerance, or other labels on more than :data:`MOST_OTHER_LABELS` of the photos, with 97.5 %
            confidence. Of another network only what isn't a number is wrong.
        same_network: Both come from the same run or the same file; others differ by their nature, and their accuracy
            is what judges them.
    """

    photos: int
    labels_equal: int
    max_abs_difference: float | None
    tolerance: float | None
    agrees: bool
    wrong: bool
    same_network: bool = True


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


def compare(
    baseline: Probabilities, other: Probabilities, *, precision: EnginePrecision, thresholds: tuple[float, float]
) -> Agreement:
    """Compare an engine's predictions with the baseline's.

    Args:
        baseline: ``float32 [N, classes]``.
        other: The same photos' probabilities by the other engine.
        precision: The other engine's; it decides the tolerance.
        thresholds: Decision thresholds of the baseline and of the other.
    """
    baseline_labels, other_labels = label_indices(baseline, thresholds[0]), label_indices(other, thresholds[1])
    equal = int(((baseline_labels == other_labels) & (other_labels >= 0)).sum())
    difference = float(np.abs(baseline.astype(np.float64) - other.astype(np.float64)).max())
    tolerance = TOLERANCES[precision]
    close = bool(np.isfinite(difference)) and (tolerance is None or difference <= tolerance)
    return Agreement(
        photos=len(baseline),
        labels_equal=equal,
        max_abs_difference=difference if np.isfinite(difference) else None,
        tolerance=tolerance,
        agrees=equal == len(baseline) and close,
        wrong=not close or _too_many(len(baseline) - equal, len(baseline)),
    )


def beside_another_network(agreement: Agreement, other: Probabilities) -> Agreement:
    """The same figures, of an engine that computes another network than the one it was compared with."""
    return replace(agreement, wrong=not np.isfinite(other).all(), same_network=False)


def _too_many(others: int, photos: int) -> bool:
    """Whether so many other labels are hardly chance where at most :data:`MOST_OTHER_LABELS` are expected."""
    share = MOST_OTHER_LABELS
    fewer = sum(math.comb(photos, k) * share**k * (1 - share) ** (photos - k) for k in range(others))
    return 1 - fewer <= (1 - CONFIDENCE) / 2
