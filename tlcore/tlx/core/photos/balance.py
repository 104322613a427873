"""How even the classes are, and weights that make up for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tlx.core.photos.records import Dataset

IMBALANCE: Final = 1.5
"""Told from this ratio of the largest class to the smallest upwards."""


def class_weights(dataset: Dataset) -> dict[int, float]:
    """Weights that give each class the same say in training: n / (classes · photos of the class).

    Returns:
        By class index. Over the training photos their mean is 1, so the learning rate means what it did.

    Raises:
        ValueError: If a class has no training photo.
    """
    counts = dataset.counts.get("train", {})
    if not counts or not all(counts.values()):
        raise ValueError("each class needs a training photo to be weighted")
    total = sum(counts.values())
    return {place: total / (len(counts) * counts[label]) for place, label in enumerate(dataset.labels)}


def imbalance_line(counts: Mapping[str, int]) -> str | None:
    """Say how uneven the classes are; None if they are even enough.

    Args:
        counts: Training photos by label.
    """
    if not counts:
        return None
    largest, smallest = (choose(counts, key=lambda label: counts[label]) for choose in (max, min))
    if not counts[smallest] or counts[largest] / counts[smallest] <= IMBALANCE:
        return None
    ratio = counts[largest] / counts[smallest]
    return (
        f"uneven classes: {ratio:.1f} times as many photos of {largest} ({counts[largest]}) as of {smallest} "
        f"({counts[smallest]}): --balance gives each class the same weight"
    )
