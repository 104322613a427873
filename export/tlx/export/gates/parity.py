"""The parity gate's decision: the exported file has to predict what the trained model predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlx.runtime.classifier import decide

PARITY_TOLERANCE = 1e-4
"""Largest difference of a probability between Keras and ONNX Runtime at fp32."""


@dataclass(frozen=True, slots=True)
class ParityVerdict:
    """What the parity gate says.

    Attributes:
        photos: How many were compared.
        labels_equal: On how many both sides give the same label.
        max_abs_difference: The largest difference of any probability (infinite if any isn't a number).
        worst: Places of the photos, the most different first.
        differences: The largest difference on each photo.
    """

    photos: int
    labels_equal: int
    max_abs_difference: float
    tolerance: float
    worst: tuple[int, ...]
    differences: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Every label equal and every difference within the tolerance, on at least one photo."""
        return 0 < self.photos == self.labels_equal and self.max_abs_difference <= self.tolerance


def judge_parity(
    expected: npt.NDArray[np.float32],
    got: npt.NDArray[np.float32],
    *,
    tolerance: float = PARITY_TOLERANCE,
    threshold: float = 0.5,
) -> ParityVerdict:
    """Compare the probabilities of two sides over the same photos.

    Args:
        expected: ``[N, classes]``, the trained model's.
        got: ``[N, classes]``, the exported file's.
        tolerance: Largest difference allowed.
        threshold: For two classes: the probability from which the second label is given.

    Raises:
        ValueError: If the shapes differ.
    """
    if expected.shape != got.shape:
        raise ValueError(f"expected probabilities of shape {expected.shape}, got {got.shape}")
    with np.errstate(invalid="ignore"):
        differences = np.abs(expected.astype(np.float64) - got.astype(np.float64)).max(axis=1, initial=0)
    broken = ~(np.isfinite(expected).all(axis=1) & np.isfinite(got).all(axis=1))
    differences[broken] = np.inf
    decisions = [[decide(row, threshold) for row in side.tolist()] for side in (expected, got)]
    same = (np.array(decisions[0]) == np.array(decisions[1])) & ~broken
    # Photos with another label come first, whatever their difference.
    order = np.lexsort((-differences, same))
    return ParityVerdict(
        photos=len(expected),
        labels_equal=int(same.sum()),
        max_abs_difference=float(differences.max(initial=0)),
        tolerance=tolerance,
        worst=tuple(int(place) for place in order),
        differences=tuple(float(difference) for difference in differences),
    )
