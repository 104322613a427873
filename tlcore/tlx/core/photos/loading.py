"""From a folder to a data set: list, decode, split, and refuse what would make a result worthless."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tlx.core.photos.checking import Sound, check_photos
from tlx.core.photos.listing import Candidate, Listing, list_folder
from tlx.core.photos.records import Dataset, Photo, Problem, Split
from tlx.core.photos.splitting import NO_RECORD, split_class
from tlx.errors import DataError
from tlx.progress import Progress, silent
from tlx.runtime.output.printable import printable

_NAMED = 3


def load_dataset(
    root: Path,
    *,
    seed: int = 0,
    strict: bool = False,
    recorded: Mapping[str, Split] = NO_RECORD,
    progress: Progress = silent,
) -> Dataset:
    """List, decode and split a folder of labelled photos.

    Args:
        root: The folder; see the package's text for its layouts.
        seed: Chooses the validation photos where no split is given.
        strict: Make files that can't be read an error instead of leaving them out. Second copies and tiny photos
            are sound, so they are listed as ever.
        recorded: Where no split is given: the splits of an earlier run by content hash, which win over the seed.
        progress: Told how many files are checked.

    Raises:
        DataError: If there is nothing to train on: no such folder, fewer than two classes, a split without
            photos of some class, one photo in two splits or under two labels, or, if ``strict``, any bad file.
    """
    listing = list_folder(root)
    labels = tuple(sorted({candidate.label for candidate in listing.candidates}))
    if len(labels) < 2:  # noqa: PLR2004 - a classifier tells two things apart
        found = f"only {labels[0]!r}" if labels else "none"
        why = "".join(f"; {line}" for line in (*(one.text for one in listing.unreadable[:1]), *listing.notes))
        raise DataError(f"{root}: expected at least 2 folders of photos, one for each class, found {found}{why}")
    sound, findings = _check(listing, progress)
    unreadable = [finding for finding in findings if finding.kind == "unreadable"]
    if strict and unreadable:
        files = "1 file" if len(unreadable) == 1 else f"{len(unreadable)} files"
        raise DataError(f"{root}: {files} can't be read (--strict): {_first_of(unreadable)}")
    if not sound:
        raise DataError(
            f"{root}: none of its {len(listing.candidates)} photos can be read, the first: {unreadable[0].text}"
        )
    photos, repeated = _without_repeats(root, _split(sound, seed, recorded))
    notes = listing.notes
    if any(candidate.split is None for candidate, _ in sound):
        notes = (*notes, f"about a fifth of each class is kept for validation, chosen by content and seed {seed}")
    kept = {photo.path for photo in photos}
    tiny = [finding for finding in findings if finding.kind == "tiny" and finding.path in kept]
    dataset = Dataset(root, labels, tuple(photos), (*unreadable, *repeated, *tiny), notes)
    _require_every_class(dataset)
    return dataset


def _check(listing: Listing, progress: Progress) -> tuple[list[tuple[Candidate, str]], list[Problem]]:
    """Give the sound photos with their content hashes, and what was wrong with them and with the others."""
    results = check_photos([candidate.path for candidate in listing.candidates], progress)
    sound: list[tuple[Candidate, str]] = []
    findings = list(listing.unreadable)
    for candidate, result in zip(listing.candidates, results, strict=True):
        if not isinstance(result, Sound):
            findings.append(Problem("unreadable", candidate.path, result.reason))
            continue
        sound.append((candidate, result.sha256))
        if result.is_tiny:
            height, width = result.size_hw
            findings.append(Problem("tiny", candidate.path, f"has only {width} x {height} pixels, kept"))
    return sound, findings


def _split(sound: Sequence[tuple[Candidate, str]], seed: int, recorded: Mapping[str, Split]) -> list[Photo]:
    """Photos in the order of split, label and path."""
    free: dict[str, set[str]] = defaultdict(set)
    for candidate, sha256 in sound:
        if candidate.split is None:
            free[candidate.label].add(sha256)
    chosen = {label: split_class(hashes, seed=seed, recorded=recorded) for label, hashes in free.items()}
    photos = [
        Photo(candidate.path, candidate.label, sha256, candidate.split or chosen[candidate.label][sha256])
        for candidate, sha256 in sound
    ]
    return sorted(photos, key=lambda photo: (photo.split, photo.label, photo.path))


def _without_repeats(root: Path, photos: Sequence[Photo]) -> tuple[list[Photo], list[Problem]]:
    """Drop a photo's second copy; refuse one under two labels or in two splits."""
    first: dict[str, Photo] = {}
    two_labels: list[tuple[Photo, Photo]] = []
    two_splits: list[tuple[Photo, Photo]] = []
    kept, problems = [], []
    for photo in photos:
        other = first.setdefault(photo.sha256, photo)
        if other is photo:
            kept.append(photo)
        elif other.label != photo.label:
            two_labels.append((other, photo))
        elif other.split != photo.split:
            two_splits.append((other, photo))
        else:
            problems.append(Problem("duplicate", photo.path, f"the same photo as {other.path}, used once"))
    _refuse_pairs(root, "has two labels", two_labels)
    _refuse_pairs(root, "is in two splits", two_splits)
    return kept, problems


def _refuse_pairs(root: Path, what: str, pairs: Sequence[tuple[Photo, Photo]]) -> None:
    if pairs:
        names = " and ".join(printable(str(photo.path.relative_to(root))) for photo in pairs[0])
        more = f"; and {len(pairs) - 1} more like this" if len(pairs) > 1 else ""
        raise DataError(f"{root}: the same photo {what} ({names}{more}): remove one of them")


def _first_of(findings: Sequence[Problem]) -> str:
    named = "; ".join(finding.text for finding in findings[:_NAMED])
    return f"{named}; … and {len(findings) - _NAMED} more" if len(findings) > _NAMED else named


def _require_every_class(dataset: Dataset) -> None:
    counts = Counter((photo.split, photo.label) for photo in dataset.photos)
    of_label = Counter(photo.label for photo in dataset.photos)
    for split in ("train", "validation"):
        for label in dataset.labels:
            if not counts[split, label]:
                raise DataError(
                    f"{dataset.root}: class {label!r} has no usable photo for {split} (of {of_label[label]} in all): "
                    "add photos of it or remove its folder"
                )
