"""Folders of labelled photos: which photos, which labels, which split, and are they sound.

Either ``DATA/{train,validation[,test]}/<label>/…`` or ``DATA/<label>/…`` with a split by content. Each photo
is known by the SHA-256 of its bytes, so nothing depends on names or on the order of a folder.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tlx.errors import DataError, ImageError
from tlx.images import PHOTO_SUFFIXES, decode, read_bytes
from tlx.progress import Progress, silent
from tlx.runtime.processors import usable_processors

Split = Literal["train", "validation", "test"]
SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
VALIDATION_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Photo:
    """One sound photo: its file, label, content hash (hex) and split."""

    path: Path
    label: str
    sha256: str
    split: Split


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a folder holds after every file was decoded once.

    Attributes:
        labels: Sorted; a photo's class index is the place of its label here.
        photos: In a stable order (split, label, path).
        problems: One line for each photo that was left out.
    """

    root: Path
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]
    problems: tuple[str, ...] = field(default=())

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


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    label: str
    split: Split | None


def load_dataset(root: Path, *, seed: int = 0, strict: bool = False, progress: Progress = silent) -> Dataset:
    """List, decode and split a folder of labelled photos.

    Args:
        root: The folder; see the module's text for its layouts.
        seed: Chooses the validation photos where no split is given.
        strict: Make a photo that can't be read an error instead of leaving it out.
        progress: Told how many files are checked.

    Raises:
        DataError: If there is nothing to train on: no such folder, fewer than two classes, a split without
            photos of some class, one photo in two splits or under two labels, or, if ``strict``, any bad file.
    """
    candidates = list(_candidates(root))
    labels = tuple(sorted({candidate.label for candidate in candidates}))
    if len(labels) < 2:  # noqa: PLR2004 - a classifier tells two things apart
        found = f"only {labels[0]!r}" if labels else "none"
        raise DataError(f"{root}: expected at least 2 folders of photos, one for each class, found {found}")
    photos, problems = _check(candidates, seed, progress)
    if strict and problems:
        raise DataError(f"{root}: {len(problems)} photos can't be used (--strict), the first: {problems[0]}")
    if not photos:
        raise DataError(f"{root}: none of its {len(candidates)} photos can be read, the first: {problems[0]}")
    photos, repeated = _without_repeats(root, photos)
    dataset = Dataset(root=root, labels=labels, photos=tuple(photos), problems=(*problems, *repeated))
    _require_every_class(dataset)
    return dataset


def _candidates(root: Path) -> Iterator[_Candidate]:
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}: name a folder that holds one folder of photos for each class")
    children = {child.name: child for child in folders_in(root)}
    splits = {name: SPLIT_FOLDERS[name.lower()] for name in children if name.lower() in SPLIT_FOLDERS}
    if "train" not in splits.values():
        for name, folder in sorted(children.items()):
            yield from _class_photos(folder, name, None)
        return
    if len(set(splits.values())) < len(splits):
        raise DataError(f"{root}: two folders stand for the same split ({', '.join(sorted(splits))}): keep one of them")
    has_validation = "validation" in splits.values()
    for name, split in sorted(splits.items()):
        for folder in folders_in(children[name]):
            yield from _class_photos(folder, folder.name, split if has_validation or split == "test" else None)


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in a folder, sorted, without hidden ones."""
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def photos_below(folder: Path) -> Iterator[Path]:
    """The photo files at any depth below a folder, sorted, without hidden ones."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in PHOTO_SUFFIXES and not hidden and not path.is_dir():
            yield path


def _class_photos(folder: Path, label: str, split: Split | None) -> Iterator[_Candidate]:
    return (_Candidate(path, label, split) for path in photos_below(folder))


def _check(candidates: list[_Candidate], seed: int, progress: Progress) -> tuple[list[Photo], list[str]]:
    """Decode every file once, on all cores; give the sound photos and a line for each other file."""
    hashed: list[tuple[_Candidate, str]] = []
    problems: list[str] = []
    with ThreadPoolExecutor(usable_processors()) as pool:
        results = pool.map(_hash_if_sound, (candidate.path for candidate in candidates))
        try:
            for done, (candidate, result) in enumerate(zip(candidates, results, strict=True), start=1):
                if isinstance(result, ImageError):
                    problems.append(str(result))
                else:
                    hashed.append((candidate, result))
                progress("checking photos", done, len(candidates))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    chosen = _validation_choice(hashed, seed)
    return [
        Photo(
            candidate.path,
            candidate.label,
            sha256,
            candidate.split or ("validation" if (candidate.label, sha256) in chosen else "train"),
        )
        for candidate, sha256 in hashed
    ], problems


def _hash_if_sound(path: Path) -> str | ImageError:
    try:
        content = read_bytes(path)
        decode(content, path)
    except ImageError as error:
        return error
    return hashlib.sha256(content).hexdigest()


def _validation_choice(hashed: Iterable[tuple[_Candidate, str]], seed: int) -> set[tuple[str, str]]:
    """Choose validation photos where no split is given: by content, class by class.

    A photo is chosen if its seeded hash falls into the share, so it stays where it is when photos are added; the
    lowest hash of each class is always chosen, so that no class is without.
    """
    ranks: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for candidate, sha256 in hashed:
        if candidate.split is None:
            mixed = hashlib.sha256(f"{seed} {sha256}".encode()).digest()
            ranks[candidate.label].append((int.from_bytes(mixed[:8], "big") / 2**64, sha256))
    return {
        (label, sha256)
        for label, ranked in ranks.items()
        for rank, sha256 in ranked
        if rank < VALIDATION_SHARE or (rank, sha256) == min(ranked)
    }


def _without_repeats(root: Path, photos: list[Photo]) -> tuple[list[Photo], list[str]]:
    """Drop a photo's second copy; refuse one under two labels or in two splits."""
    first: dict[str, Photo] = {}
    kept, problems = [], []
    for photo in photos:
        other = first.setdefault(photo.sha256, photo)
        if other is photo:
            kept.append(photo)
            continue
        names = f"{photo.path.relative_to(root)} and {other.path.relative_to(root)}"
        if other.label != photo.label:
            raise DataError(f"{root}: the same photo has two labels ({names}): remove one of them")
        if other.split != photo.split:
            raise DataError(f"{root}: the same photo is in two splits ({names}): remove one of them")
        problems.append(f"{photo.path}: the same photo as {other.path}, used once")
    return kept, problems


def _require_every_class(dataset: Dataset) -> None:
    counts = Counter((photo.split, photo.label) for photo in dataset.photos)
    for split in ("train", "validation"):
        for label in dataset.labels:
            if not counts[split, label]:
                raise DataError(
                    f"{dataset.root}: class {label!r} has no usable photo for {split}: "
                    "add photos of it or remove its folder"
                )
