"""Which width each layer gets: the least error within a time, exactly, by dynamic programming.

A layer's time depends on its own width and on that of the layer before it, its error on its own; both are measured. So
the best network that ends in a given width within a given time is made of the best one before it, and one sweep over
layers, widths and times finds the optimum (for times cut into steps, always rounded up).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.core.compress.layer_costs import LayerCosts
from tlx.core.compress.statistics import Floats
from tlx.errors import InputError

STEPS: Final = 800
"""Into how many steps the time is cut."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What one layer may become.

    Attributes:
        widths: Ascending.
        errors: What is lost with each.
    """

    widths: npt.NDArray[np.int64]
    errors: Floats


@dataclass(frozen=True, slots=True)
class Allocation:
    """The widths found.

    Attributes:
        error: The sum over the layers.
        expected_ms: By the layers' costs.
    """

    channels: tuple[int, ...]
    error: float
    expected_ms: float


def allocate(choices: Sequence[Choices], costs: LayerCosts, limit_ms: float) -> Allocation:
    """Find the widths with the least error within a time.

    Raises:
        InputError: If even the narrowest network takes longer.
    """
    step_ms = (limit_ms - costs.rest_ms) / STEPS
    narrowest = costs.network_ms([int(choice.widths[0]) for choice in choices])
    if step_ms <= 0 or narrowest > limit_ms:
        raise InputError(f"no width of the layers takes {limit_ms:.3g} ms: the narrowest takes {narrowest:.3g} ms")
    best = np.zeros((1, STEPS + 1))  # [width of the layer before, steps left of the time]
    before = np.array([3])
    origins = []
    for place, choice in enumerate(choices):
        taken = np.ceil(costs.layer_ms(place, before[:, None], choice.widths[None, :]) / step_ms - 1e-9).astype(int)
        now = np.full((len(choice.widths), STEPS + 1), np.inf)
        origin = np.zeros(now.shape, np.int64)
        for width in range(len(choice.widths)):
            shifted = np.full(best.shape, np.inf)
            for earlier, steps in enumerate(taken[:, width]):
                if steps <= STEPS:
                    shifted[earlier, steps:] = best[earlier, : STEPS + 1 - steps]
            origin[width] = shifted.argmin(axis=0)
            now[width] = shifted.min(axis=0) + choice.errors[width]
        origins.append((origin, taken))
        best, before = now, choice.widths
    width = int(best[:, STEPS].argmin())
    if not np.isfinite(best[width, STEPS]):
        raise InputError(f"no width of the layers takes {limit_ms:.3g} ms: the narrowest takes {narrowest:.3g} ms")
    error, steps_left, chosen = float(best[width, STEPS]), STEPS, []
    for choice, (origin, taken) in zip(reversed(choices), reversed(origins), strict=True):
        chosen.append(int(choice.widths[width]))
        earlier = int(origin[width, steps_left])
        steps_left -= int(taken[earlier, width])
        width = earlier
    channels = tuple(reversed(chosen))
    return Allocation(channels, error, costs.network_ms(channels))
