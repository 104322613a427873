"""The allocation against all combinations of widths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tlx.core.compress.allocation import STEPS, Choices, allocate
from tlx.core.compress.layer_costs import LayerCosts
from tlx.errors import InputError

LAYERS = 4


def draw(seed: int) -> tuple[list[Choices], LayerCosts]:
    random = np.random.default_rng(seed)
    choices = [
        Choices(np.array([8, 16, 32, 48]), np.sort(random.exponential(size=4))[::-1].copy()) for _ in range(LAYERS)
    ]
    terms = random.uniform(0, 1, (LAYERS, 4)) * [0.05, 0.001, 0.001, 0.0005]
    return choices, LayerCosts(terms, rest_ms=0.02, error=0.0, threads=1, int8=False)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 2.0])
def test_no_other_widths_within_the_time_lose_less(seed: int, share: float) -> None:
    choices, costs = draw(seed)
    fastest = costs.network_ms([8] * LAYERS)
    limit_ms = fastest + share * (costs.network_ms([48] * LAYERS) - fastest)
    found = allocate(choices, costs, limit_ms)
    assert found.expected_ms <= limit_ms
    assert found.expected_ms == pytest.approx(costs.network_ms(found.channels))
    places = [choice.widths.tolist().index(width) for choice, width in zip(choices, found.channels, strict=True)]
    own = sum(choice.errors[place] for choice, place in zip(choices, places, strict=True))
    assert found.error == pytest.approx(own)
    # Times are rounded up to steps, so a network within a step of the limit for each layer may be passed over.
    certain_ms = limit_ms - LAYERS * limit_ms / STEPS
    for widths in itertools.product(*(range(len(choice.widths)) for choice in choices)):
        channels = [int(choice.widths[place]) for choice, place in zip(choices, widths, strict=True)]
        if costs.network_ms(channels) <= certain_ms:
            assert own <= sum(choice.errors[place] for choice, place in zip(choices, widths, strict=True)) + 1e-9


def test_a_time_that_no_network_keeps_is_refused_with_the_least_there_is() -> None:
    choices, costs = draw(0)
    narrowest_ms = costs.network_ms([8] * LAYERS)
    with pytest.raises(InputError, match=f"the narrowest takes {narrowest_ms:.3g} ms"):
        allocate(choices, costs, narrowest_ms * 0.9)
