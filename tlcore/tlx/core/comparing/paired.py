"""Whether two runs' validation accuracies differ by more than chance, told from the photos that both have judged.

Two accuracies on the same photos say little on their own; what tells are the photos on which one run is right and the
other wrong (McNemar's exact test).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from tlx.core.runs import Run
from tlx.errors import RunError

PREDICTIONS: Final = "validation.csv"
"""A row for each validation photo: ``path``, ``label``, ``predicted``, ``p_<label>`` …"""
SIGNIFICANCE: Final = 0.05

Outcomes = Mapping[tuple[str, str], bool]
"""Whether a run is right, by the photo's hash and label."""


@dataclass(frozen=True, slots=True)
class PairedResult:
    """Two runs on the same photos.

    Attributes:
        photos: How many.
        only_a: Photos on which A is right and B wrong.
        only_b: The reverse.
        p_value: How often chance alone would give so uneven a pair of these two counts, 0 to 1.
    """

    photos: int
    only_a: int
    only_b: int
    p_value: float

    @property
    def difference(self) -> float:
        """Accuracy of B less that of A."""
        return (self.only_b - self.only_a) / self.photos

    @property
    def is_beyond_chance(self) -> bool:
        """Whether chance alone would give this less often than :data:`SIGNIFICANCE`."""
        return self.p_value < SIGNIFICANCE


def compare_outcomes(a: Outcomes, b: Outcomes) -> PairedResult:
    """Count the photos on which one is right and the other wrong.

    Raises:
        RunError: If the photos aren't the same, or there are none.
    """
    if a.keys() != b.keys():
        both = len(a.keys() & b.keys())
        raise RunError(f"they were validated on different photos ({both} in both of {len(a)} in A and {len(b)} in B)")
    if not a:
        raise RunError("there are no validation photos")
    only_a = sum(right and not b[photo] for photo, right in a.items())
    only_b = sum(b[photo] and not right for photo, right in a.items())
    return PairedResult(len(a), only_a, only_b, mcnemar_p_value(only_a, only_b))


def mcnemar_p_value(only_a: int, only_b: int) -> float:
    """McNemar's exact test, two-sided: of the photos that tell, each is a fair coin's toss if both runs are equal."""
    tosses = only_a + only_b
    term = total = 1
    for heads in range(min(only_a, only_b)):
        term = term * (tosses - heads) // (heads + 1)
        total += term
    return min(1.0, 2 * total / (1 << tosses))


def read_outcomes(run: Run) -> Outcomes:
    """What a run's training wrote of its validation photos.

    Raises:
        RunError: If it wrote nothing, the files can't be read, or they don't cover its validation photos.
    """
    keys = _keys_by_path(run)
    path = run.folder / PREDICTIONS
    found: dict[tuple[str, str], bool] = {}
    try:
        # File names that aren't valid text keep their own bytes.
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            for row in csv.DictReader(file, strict=True):
                key = _find(keys, PurePath(row["path"]))
                if key is None or key[1] != row["label"] or key in found:
                    raise RunError(f"{PREDICTIONS} has a row that fits no validation photo ({row['path']})")
                found[key] = row["predicted"] == row["label"]
    except FileNotFoundError as error:
        raise RunError(f"it has no {PREDICTIONS} (older trainings wrote none)") from error
    except (OSError, csv.Error, KeyError, TypeError) as error:
        raise RunError(f"{PREDICTIONS} can't be read ({error})") from error
    if len(found) != len(keys):
        raise RunError(f"{PREDICTIONS} covers {len(found)} of {len(keys)} validation photos")
    return found


def _keys_by_path(run: Run) -> dict[tuple[str, ...], tuple[str, str]]:
    """Hash and label of each validation photo, by the parts of its path below the data's folder."""
    root = PurePath(run.record.data.root)
    return {photo.path.relative_to(root).parts: (photo.sha256, photo.label) for photo in run.photos("validation")}


def _find(keys: Mapping[tuple[str, ...], tuple[str, str]], path: PurePath) -> tuple[str, str] | None:
    """The photo of a path that may begin anywhere: the data's folder may be written in many ways."""
    parts = path.parts
    return next((keys[parts[start:]] for start in range(len(parts)) if parts[start:] in keys), None)
