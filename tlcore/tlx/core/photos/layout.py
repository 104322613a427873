"""Which folders stand for splits and which for classes, decided by what they hold.

``train`` is also a vehicle and ``test`` may be a class. So a folder called like a split is one only if it holds
class folders; where both readings are likely, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.core.photos.records import Split
from tlx.errors import DataError

SPLIT_FOLDERS: Final[dict[str, Split]] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""By lower-case name."""

_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Child:
    """A folder directly in the data's root.

    Attributes:
        has_photos: Whether photos lie directly in it.
        folders: The names of the folders directly in it that hold photos at any depth.
    """

    name: str
    has_photos: bool
    folders: tuple[str, ...]

    @property
    def split(self) -> Split | None:
        """The split that it is called like."""
        return SPLIT_FOLDERS.get(self.name.lower())

    @property
    def is_empty(self) -> bool:
        """Whether there is no photo in it at any depth."""
        return not self.has_photos and not self.folders


@dataclass(frozen=True, slots=True)
class Layout:
    """How a folder is understood.

    Attributes:
        parts: The names of the folders that are splits; if there are none, each folder with photos is a class.
        notes: Lines on what a person may have meant otherwise.
    """

    parts: dict[str, Split]
    notes: tuple[str, ...] = ()


def names_line(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """One line on some folders, at most five of them named; none if there are none."""
    if not names:
        return ()
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (f"{what}: {', '.join(names[:_NAMED])}{more}",)


def judge_layout(root: Path, children: Sequence[Child]) -> Layout:
    """Tell splits from classes.

    Args:
        root: For the errors.
        children: The folders directly in it.

    Raises:
        DataError: If folders called like splits can't be what they are called, or two stand for one split.
    """
    named = [child for child in children if child.split and not child.is_empty]
    others = [child for child in children if not child.split and not child.is_empty]
    if not named:
        return Layout({})
    parts = [child for child in named if child.folders]
    if _is_split_up(root, parts, others):
        unused = [*others, *_unsorted(root, [child for child in named if not child.folders])]
        beside = ", ".join(child.name for child in parts)
        return Layout(_parts(root, parts), names_line(f"ignored beside {beside}", [child.name for child in unused]))
    if not others:
        raise DataError(f"{root}: {_why_no_training(named)}")
    _refuse_classes_twice(root, parts, others)
    classes = [child.name for child in named]
    return Layout({}, names_line(f"taken for classes, as {others[0].name} beside them is one", classes))


def _is_split_up(root: Path, parts: Sequence[Child], others: Sequence[Child]) -> bool:
    """Whether there is a folder of training photos, and not a class called so."""
    for child in parts:
        if child.split == "train":
            rest = {name for part in parts if part is not child for name in part.folders}
            if not others or rest & set(child.folders):
                return True
            if len(child.folders) > 1 and child.has_photos:
                raise DataError(
                    f"{root}: {child.name}/ holds photos and folders of photos, so it may be a split or a class beside "
                    f"{others[0].name}/: move its photos into its folders, or all classes into a folder train/"
                )
            if len(child.folders) > 1:
                return True
    return False


def _unsorted(root: Path, flat: Sequence[Child]) -> Sequence[Child]:
    """Folders of test photos without labels, which training can do without."""
    for child in flat:
        if child.split != "test":
            raise DataError(f"{root}: {child.name}/ holds photos, but no folder of photos for each class: sort them")
    return flat


def _parts(root: Path, parts: Sequence[Child]) -> dict[str, Split]:
    found = {child.name: child.split for child in parts if child.split}
    if len(set(found.values())) < len(found):
        raise DataError(f"{root}: two folders stand for the same split ({', '.join(sorted(found))}): keep one of them")
    return found


def _why_no_training(named: Sequence[Child]) -> str:
    flat = [child.name for child in named if child.split == "train"]
    if flat:
        return (
            f"{flat[0]}/ holds photos, but no folder of photos for each class: sort them "
            f"(a class called {flat[0]!r} would be {flat[0]}/{flat[0]}/)"
        )
    names = ", ".join(child.name for child in named)
    return f"expected a folder train/ beside {names}, found none (classes called so would lie in train/)"


def _refuse_classes_twice(root: Path, parts: Sequence[Child], others: Sequence[Child]) -> None:
    for part in parts:
        both = [child.name for child in others if child.name in part.folders]
        if both:
            raise DataError(
                f"{root}: the class {both[0]!r} lies beside {part.name}/ and in it: "
                "move the class folders beside it into a folder train/"
            )
