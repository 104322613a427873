"""Ranges are checked, and what is drawn from them is a pure function of seed, photo and number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from tlx.core.augmentation import BOOK, DEFAULT, NONE, Augmentation, Change, ViewKey, change_for
from tlx.errors import InputError

EVERYTHING = Augmentation(
    rotation_degrees=90,
    width_shift=0.3,
    height_shift=0.4,
    shear_degrees=20,
    zoom=0.5,
    horizontal_flip=True,
    brightness=0.2,
    contrast=0.6,
    saturation=0.7,
)


GOLDEN = (
    13.2804934928,
    -0.0827076634,
    0.0688786037,
    -13.5590705188,
    1.2249643185,
    0.6873795792,
    True,
    -0.1292253212,
    0.9176685757,
    1.1886308614,
)


def draws(augmentation: Augmentation, count: int) -> list[Change]:
    return [change_for(ViewKey(0, f"{number % 20:064x}", 1 + number // 20), augmentation) for number in range(count)]


def test_book_has_the_numbers_of_the_book() -> None:
    assert (BOOK.rotation_degrees, BOOK.width_shift, BOOK.height_shift, BOOK.zoom) == (40, 0.2, 0.2, 0.2)
    assert math.radians(BOOK.shear_degrees) == pytest.approx(0.2)
    assert BOOK.horizontal_flip
    assert BOOK.fill == "nearest"
    assert (BOOK.brightness, BOOK.contrast, BOOK.saturation) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "amount", "expected"),
    [
        ("rotation_degrees", 181, "rotation_degrees from 0 to 180, got 181"),
        ("rotation_degrees", -1, "got -1"),
        ("width_shift", 1.5, "from 0 to 1"),
        ("height_shift", math.nan, "got nan"),
        ("shear_degrees", 90, "from 0 to 60"),
        ("zoom", 1, "zoom from 0 to 0.9, got 1"),
        ("brightness", math.inf, "got inf"),
        ("contrast", 2, "contrast"),
        ("saturation", -0.1, "saturation"),
        ("fill", "wrap", "fill to be nearest or reflect, got 'wrap'"),
    ],
)
def test_amounts_that_make_no_sense_are_refused(name: str, amount: float | str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        dataclasses.replace(NONE, **{name: amount})  # type: ignore[arg-type]


def test_a_view_has_a_number_from_zero() -> None:
    with pytest.raises(ValueError, match="at least 0, got -1"):
        ViewKey(0, "ab", -1)


def test_key_tells_ranges_apart() -> None:
    changed = [dataclasses.replace(EVERYTHING, **{name: 0.05}) for name in amounts(EVERYTHING)]  # type: ignore[arg-type]
    changed += [dataclasses.replace(EVERYTHING, horizontal_flip=False), dataclasses.replace(EVERYTHING, fill="reflect")]
    keys = {augmentation.key for augmentation in [EVERYTHING, NONE, BOOK, DEFAULT, *changed]}
    assert len(keys) == 4 + len(changed)
    assert Augmentation(rotation_degrees=40).key == Augmentation(rotation_degrees=40.0).key


def amounts(augmentation: Augmentation) -> list[str]:
    return [name for name, value in dataclasses.asdict(augmentation).items() if type(value) in {int, float}]


def test_view_0_changes_nothing() -> None:
    assert change_for(ViewKey(5, "ab", 0), EVERYTHING) == Change()


def test_no_range_changes_nothing() -> None:
    assert {change_for(ViewKey(seed, "ab", 3), NONE) for seed in range(50)} == {Change()}


@pytest.mark.parametrize(
    ("drawn", "low", "high"),
    [
        (lambda change: change.rotation_degrees, -90, 90),
        (lambda change: change.shift_right, -0.3, 0.3),
        (lambda change: change.shift_down, -0.4, 0.4),
        (lambda change: change.shear_degrees, -20, 20),
        (lambda change: change.zoom_x, 0.5, 1.5),
        (lambda change: change.zoom_y, 0.5, 1.5),
        (lambda change: change.brightness, -0.2, 0.2),
        (lambda change: change.contrast, 0.4, 1.6),
        (lambda change: change.saturation, 0.3, 1.7),
    ],
    ids=lambda value: value if isinstance(value, int | float) else "",
)
def test_amounts_are_drawn_evenly_from_their_ranges(drawn: Callable[[Change], float], low: float, high: float) -> None:
    shares = (np.array([drawn(change) for change in draws(EVERYTHING, 2000)]) - low) / (high - low)
    assert 0 <= shares.min() < 0.01
    assert 0.99 < shares.max() <= 1
    # A tenth of the range holds a tenth of 2,000 draws: 200, give or take 13.4 (one standard deviation).
    counts, _ = np.histogram(shares, bins=10, range=(0, 1))
    assert counts.min() > 140
    assert counts.max() < 260


def test_half_of_the_views_are_mirrored() -> None:
    assert 900 < sum(change.flip for change in draws(EVERYTHING, 2000)) < 1100
    assert not any(change.flip for change in draws(dataclasses.replace(EVERYTHING, horizontal_flip=False), 100))


def test_amounts_are_independent_of_each_other() -> None:
    rows = np.array([dataclasses.astuple(change) for change in draws(EVERYTHING, 2000)], np.float64)
    correlations = np.corrcoef(rows.T) - np.eye(rows.shape[1])
    assert np.abs(correlations).max() < 0.1


@pytest.mark.parametrize("other", [ViewKey(1, "ab", 1), ViewKey(0, "ac", 1), ViewKey(0, "ab", 2), ViewKey(0, "a", 11)])
def test_seed_photo_and_number_all_count(other: ViewKey) -> None:
    assert change_for(ViewKey(0, "ab", 1), BOOK) != change_for(other, BOOK)


def test_wider_ranges_widen_the_same_draws() -> None:
    narrow, wide = (change_for(ViewKey(0, "ab", 1), Augmentation(rotation_degrees=amount)) for amount in (10, 20))
    assert wide.rotation_degrees == pytest.approx(2 * narrow.rotation_degrees)


def test_draws_are_the_same_for_ever() -> None:
    """Cached views rest on these; a change here needs another FORMAT."""
    change = change_for(ViewKey(7, "ab" * 32, 3), EVERYTHING)
    assert dataclasses.astuple(change) == pytest.approx(GOLDEN, abs=1e-9)
