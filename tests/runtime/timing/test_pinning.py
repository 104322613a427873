from __future__ import annotations

import pytest

from tlx.runtime.timing.pinning import spread_over_cores


@pytest.mark.parametrize(
    ("threads", "chosen"),
    [
        (1, (0,)),
        # Processors 0 and 1 are two hardware threads of one core.
        (2, (0, 2)),
        (3, (0, 1, 2)),
        (9, (0, 1, 2, 3)),
    ],
)
def test_spread_over_cores_takes_different_cores_first(threads: int, chosen: tuple[int, ...]) -> None:
    assert spread_over_cores([0, 1, 2, 3], {0: "A", 1: "A", 2: "B", 3: "B"}, threads) == chosen
