"""Photos by split and class, and how much each class should count."""

from __future__ import annotations

from collections import Counter

from tlx.core.photos import Dataset, Split

_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def count_photos(dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many photos each split has of each class; splits without any are left out."""
    found = {split: Counter(photo.label for photo in dataset.split(split)) for split in _SPLITS}
    return {split: {label: count[label] for label in dataset.labels} for split, count in found.items() if count}


def class_weights(dataset: Dataset) -> dict[int, float]:
    """The inverse of each class's share of the training photos; 1 on average over the photos."""
    counts = Counter(dataset.class_indices(dataset.split("train")))
    total = sum(counts.values())
    return {place: total / (len(counts) * count) for place, count in counts.items()}
