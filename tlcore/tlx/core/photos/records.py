"""The records of a data set: photos, what was wrong with files, and all of a folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tlx.runtime.output.printable import printable

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")
ProblemKind = Literal["unreadable", "tiny", "duplicate"]


@dataclass(frozen=True, slots=True)
class Photo:
    """One sound photo: its file, label, content hash (hex) and split."""

    path: Path
    label: str
    sha256: str
    split: Split


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one file (or with one link or folder).

    Attributes:
        kind: ``unreadable`` and ``duplicate`` files are left out, ``tiny`` photos are kept.
        reason: Without the file's name.
    """

    kind: ProblemKind
    path: Path
    reason: str

    @property
    def left_out(self) -> bool:
        """Whether training goes without this file."""
        return self.kind != "tiny"

    @property
    def text(self) -> str:
        """One line for a person."""
        return f"{printable(str(self.path))}: {printable(self.reason)}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a folder holds after every file was decoded once.

    Attributes:
        labels: Sorted; a photo's class index is the place of its label here.
        photos: In a stable order (split, label, path).
        findings: What was wrong, in the order of ``unreadable``, ``duplicate``, ``tiny``.
        notes: Lines on what else lay there and how the folder was understood.
    """

    root: Path
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]
    findings: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each file that was left out."""
        return tuple(finding.text for finding in self.findings if finding.left_out)

    @property
    def counts(self) -> dict[Split, dict[str, int]]:
        """The number of photos of each label in each split that has photos."""
        found = Counter((photo.split, photo.label) for photo in self.photos)
        used = {split for split, _ in found}
        return {split: {label: found[split, label] for label in self.labels} for split in SPLITS if split in used}

    def split(self, name: Split) -> list[Photo]:
        """The photos of one split."""
        return [photo for photo in self.photos if photo.split == name]

    def class_indices(self, photos: Iterable[Photo]) -> list[int]:
        """The class index of each photo."""
        places = {label: place for place, label in enumerate(self.labels)}
        return [places[photo.label] for photo in photos]

    @property
    def sha256(self) -> str:
        """Fingerprint of contents, labels and splits, whatever the files are called."""
        rows = sorted(f"{photo.sha256} {photo.split} {photo.label}" for photo in self.photos)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()
