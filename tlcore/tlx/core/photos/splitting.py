"""Validation photos chosen by content, where the folders give no split.

A photo is for validation if its seeded hash falls into the lowest fifth. So each photo is judged alone: it stays
where it is when others are added, removed, renamed or moved. The price is that the share is only about a fifth (of
1,000 photos of a class 200 ± 13). Both at once can't be had without a record, since an exact share must move photos
when others come; and of the two the stable one must win: a validation photo that slips into training makes a later
run look better than it is, while a share of 19 % or 21 % harms nobody.

Only a class that would have no photo for validation, or none for training, takes the one that is nearest to the
bound. That one may move when photos are added (with 20 photos of a class there is a chance of 1 % to begin with).
A record from an earlier run wins over all of this, so what it trained on and what it validated on stay apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from tlx.core.photos.records import Split

VALIDATION_SHARE: Final = 0.2
NO_RECORD: Final[Mapping[str, Split]] = MappingProxyType({})


def split_class(hashes: Collection[str], *, seed: int, recorded: Mapping[str, Split] = NO_RECORD) -> dict[str, Split]:
    """Split the photos of one class.

    Args:
        hashes: Content hashes.
        seed: Chooses the validation photos.
        recorded: Splits of an earlier run by content hash; those photos stay where they were.

    Returns:
        The split of each hash, ``train`` or ``validation``. With two or more photos both occur, unless the record
        leaves no choice.
    """
    ranks = {sha256: _rank(sha256, seed) for sha256 in hashes}
    splits = {sha256: _by_rank(rank) for sha256, rank in ranks.items()}
    kept = {sha256: recorded[sha256] for sha256 in splits if recorded.get(sha256) in {"train", "validation"}}
    splits |= kept
    free = sorted((rank, sha256) for sha256, rank in ranks.items() if sha256 not in kept)
    if free and len(splits) > 1:
        present = set(splits.values())
        if "validation" not in present:
            splits[free[0][1]] = "validation"
        elif "train" not in present:
            splits[free[-1][1]] = "train"
    return splits


def _by_rank(rank: float) -> Split:
    return "validation" if rank < VALIDATION_SHARE else "train"


def _rank(sha256: str, seed: int) -> float:
    """Evenly spread over [0, 1)."""
    mixed = hashlib.sha256(f"{seed} {sha256}".encode()).digest()
    return int.from_bytes(mixed[:8], "big") / 2**64
