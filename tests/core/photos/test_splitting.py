"""Validation photos chosen by content."""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet

from hypothesis import assume, given
from hypothesis import strategies as st

from tlx.core.photos.splitting import split_class

HASHES = st.sets(st.integers(0, 10_000), max_size=60).map(
    lambda numbers: {hashlib.sha256(str(number).encode()).hexdigest() for number in numbers}
)
SEEDS = st.integers(0, 3)


@given(HASHES, HASHES, SEEDS)
def test_photos_stay_where_they_are_when_others_are_added(
    old: AbstractSet[str], new: AbstractSet[str], seed: int
) -> None:
    before = split_class(old, seed=seed)
    alone = {sha256: split_class({sha256}, seed=seed)[sha256] for sha256 in old}
    assume(len(set(alone.values())) == 2)  # else one photo was moved, so that the class has both
    after = split_class(old | new, seed=seed)
    assert {sha256: after[sha256] for sha256 in old} == before


@given(HASHES, HASHES, SEEDS, SEEDS)
def test_recorded_photos_stay_whatever_is_added_and_whatever_the_seed(
    old: AbstractSet[str], new: AbstractSet[str], seed: int, other_seed: int
) -> None:
    before = split_class(old, seed=seed)
    after = split_class(old | new, seed=other_seed, recorded=before)
    assert {sha256: after[sha256] for sha256 in old} == before


@given(HASHES, HASHES, SEEDS)
def test_photos_stay_where_they_are_when_others_are_removed(
    old: AbstractSet[str], removed: AbstractSet[str], seed: int
) -> None:
    rest = old - removed
    before = split_class(old, seed=seed)
    assert split_class(rest, seed=seed, recorded=before) == {sha256: before[sha256] for sha256 in rest}


@given(HASHES, SEEDS)
def test_two_photos_are_enough_for_both_splits(hashes: AbstractSet[str], seed: int) -> None:
    splits = split_class(hashes, seed=seed)
    assert set(splits) == hashes
    if len(hashes) > 1:
        assert set(splits.values()) == {"train", "validation"}


def test_the_share_is_about_a_fifth_of_each_class() -> None:
    for label in ("cats", "dogs", "birds"):
        hashes = [hashlib.sha256(f"{label} {number}".encode()).hexdigest() for number in range(10_000)]
        chosen = list(split_class(hashes, seed=0).values()).count("validation")
        assert 1_840 <= chosen <= 2_160  # four standard deviations


def test_a_record_of_test_photos_says_nothing_here() -> None:
    hashes = [f"{number:064x}" for number in range(50)]
    assert split_class(hashes, seed=0, recorded=dict.fromkeys(hashes, "test")) == split_class(hashes, seed=0)


def test_a_photo_that_was_trained_on_is_never_taken_for_validation() -> None:
    hashes = [f"{number:064x}" for number in range(5)]
    recorded = dict.fromkeys(hashes[:4], "train")
    assert split_class(hashes, seed=0, recorded=recorded) == {**recorded, hashes[4]: "validation"}  # type: ignore[arg-type]
    assert set(split_class(hashes[:4], seed=0, recorded=recorded).values()) == {"train"}  # type: ignore[arg-type]
