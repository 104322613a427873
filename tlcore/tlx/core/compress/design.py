"""Which widths a network gets for a time: by what layers cost on this device and what each loses."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from tlx.core.compress.allocation import Allocation, Choices, allocate
from tlx.core.compress.layer_costs import LayerCosts, measure_layer_costs, rounded_widths
from tlx.core.compress.merging import MERGED, can_merge, merged_shape, merging_error, one_offset
from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.pruning import Survey
from tlx.core.compress.trials import ROUNDS, Trial, time_rounds, time_trials
from tlx.errors import InputError
from tlx.export.precision.targets import THIS_MACHINE, find_target
from tlx.progress import Progress, silent

_TRIES: Final = 6
"""A measurement of a network misses by some per cent, and the costs of its layers miss by more."""
_CLOSE: Final = 0.94
"""Of the time allowed, what is good enough."""
_AIM: Final = 0.97
"""Of the time allowed, what the next try is made for."""
_NEAR: Final = 1.15
"""Networks whose first rounds miss the limit by less, up or down, get more rounds."""
_MORE_ROUNDS: Final = 14
_SLOPES: Final = (0.5, 3.0)
_LOOKS: Final = 8_000


@dataclass(frozen=True, slots=True)
class Design:
    """A network to make.

    Attributes:
        channels: Outputs of each convolution of the original; of those that are merged only the last counts.
        merge: Whether the first block becomes one convolution.
        expected_ms: By the layers' costs, of each layer of the smaller network.
        latency_ms: Measured with random weights.
        error: The sum of the shares of variance that its layers lose, the merged block's among them: of each the share
            of what the layer after it gives.
    """

    size_hw: tuple[int, int]
    channels: tuple[int, ...]
    merge: bool
    expected_ms: tuple[float, ...]
    latency_ms: float
    error: float

    @property
    def name(self) -> str:
        """For people."""
        widths = "-".join(str(width) for width in self.channels[MERGED - 1 if self.merge else 0 :])
        return f"{self.size_hw[1]} px, {widths}"


@dataclass(frozen=True, slots=True)
class _Variant:
    shape: PlainNetwork
    costs: LayerCosts
    choices: tuple[Choices, ...]
    merge: bool
    error: float


class Designer:
    """Knows what layers cost here."""

    def __init__(  # noqa: PLR0913 - built in one place
        self,
        original: PlainNetwork,
        base: PlainNetwork,
        survey: Survey,
        images_rgb: npt.NDArray[np.uint8],
        *,
        int8: bool | None,
        threads: int,
        progress: Progress = silent,
    ) -> None:
        """Time layers of many widths.

        Args:
            original: What its speed is compared with, at fp32.
            base: The same for the size of the smaller network.
            survey: Of ``base``.
            images_rgb: ``uint8 [N, h, w, 3]``.
            int8: Whether eight-bit networks are meant; None: where the processor has instructions for them.
            threads: Processors for one operator.
            progress: Told of each timing.
        """
        self.int8 = find_target(THIS_MACHINE).name != "avx2" if int8 is None else int8
        self._original, self._base, self._threads, self._progress = original, base, threads, progress
        (self.original_ms,) = time_trials([Trial(original, int8=False)], threads=threads, progress=progress)
        choices = tuple(_choices(survey, number, layer.outputs) for number, layer in enumerate(base.convolutions))
        shapes = [(replace(base, rescaling=one_offset(base)), False, 0.0)]
        if can_merge(base):
            error = merging_error(base, images_rgb, rows=_LOOKS, seed=0)
            shapes.append((merged_shape(base), True, error))
        self._variants = [
            _Variant(
                shape,
                measure_layer_costs(shape, int8=self.int8, threads=threads, progress=progress),
                choices[MERGED - 1 :] if merge else choices,
                merge,
                error,
            )
            for shape, merge, error in shapes
        ]

    def within(self, limit_ms: float) -> Design:
        """The network that is expected to lose least within a time.

        Raises:
            InputError: If there is none.
        """
        best: Design | None = None
        refusals: list[InputError] = []
        # The more promising shape first: the other one is timed only as long as it could still be better.
        for variant in sorted(self._variants, key=lambda variant: _least(variant, limit_ms)):
            try:
                best = self._within(variant, limit_ms, best)
            except InputError as error:
                refusals.append(error)
        if best is None:
            raise refusals[0]
        return best

    def _within(self, variant: _Variant, limit_ms: float, best: Design | None) -> Design:
        """The costs say what to choose; whether it keeps the time is measured, and the limit for them moved.

        Args:
            variant: A shape.
            limit_ms: For the network.
            best: What has been found before.

        Returns:
            The better one of that and what this shape gives.

        Raises:
            InputError: If this shape gives none, and none has been found before.
        """
        aim_ms = limit_ms
        tried: list[tuple[float, float]] = []
        for _ in range(_TRIES):
            try:
                allocation = allocate(variant.choices, variant.costs, aim_ms)
            except InputError:
                if best is None and not tried:
                    raise
                break
            if best is not None and allocation.error + variant.error >= best.error:
                break
            design = self._measured(variant, allocation, limit_ms)
            tried.append((allocation.expected_ms, design.latency_ms))
            if design.latency_ms <= limit_ms:
                best = design
                if design.latency_ms >= _CLOSE * limit_ms:
                    break
            aim_ms = allocation.expected_ms - (design.latency_ms - _AIM * limit_ms) / _slope(tried)
        if best is None:
            raise InputError(
                f"no network was measured to take {limit_ms:.3g} ms: the fastest that was tried took "
                f"{min(latency_ms for _, latency_ms in tried):.3g} ms; allow more"
            )
        return best

    def _measured(self, variant: _Variant, allocation: Allocation, limit_ms: float) -> Design:
        shape = variant.shape.with_channels(allocation.channels)
        # In turns with the original, so that a machine that got slower, or faster, since its first timing cancels.
        both = [Trial(self._original, int8=False), Trial(shape, int8=self.int8)]
        speedups: list[float] = []
        for rounds in (ROUNDS, _MORE_ROUNDS):
            original_ms, all_ms = time_rounds(both, threads=self._threads, rounds=rounds, progress=self._progress)
            speedups += [before / after for before, after in zip(original_ms, all_ms, strict=True)]
            latency_ms = self.original_ms / statistics.median(speedups)
            # Among networks near the limit few rounds would choose the one that they flatter most.
            if not 1 / _NEAR <= latency_ms / limit_ms <= _NEAR:
                break
        expected = variant.costs.layers_ms(allocation.channels)
        channels = allocation.channels
        if variant.merge:
            unmerged = tuple(layer.outputs for layer in self._base.convolutions[: MERGED - 1])
            channels = (*unmerged, *channels)
        return Design(
            self._base.size_hw, channels, variant.merge, expected, latency_ms, allocation.error + variant.error
        )


def _slope(tried: Sequence[tuple[float, float]]) -> float:
    """How much longer a network takes for each millisecond more that its layers cost, by the last two tries.

    Measurements miss, so it's kept near one.
    """
    (expected_ms, latency_ms), *before = reversed(tried)
    if not before or before[0][0] == expected_ms:
        return latency_ms / expected_ms
    earlier_expected_ms, earlier_ms = before[0]
    return float(np.clip((latency_ms - earlier_ms) / (expected_ms - earlier_expected_ms), *_SLOPES))


def _least(variant: _Variant, limit_ms: float) -> tuple[float, float]:
    """What a shape loses at least within a time, and the time of its narrowest network, both by the layers' costs."""
    narrowest_ms = variant.costs.network_ms([int(choice.widths[0]) for choice in variant.choices])
    try:
        return allocate(variant.choices, variant.costs, limit_ms).error + variant.error, narrowest_ms
    except InputError:
        return math.inf, narrowest_ms


def _choices(survey: Survey, number: int, full: int) -> Choices:
    elimination = survey.eliminations[number]
    fewest = full - len(elimination.order)
    widths = rounded_widths(full)
    widths = widths[widths >= fewest]
    # Damping costs something at the full width, too: it's the same in each design, merged or not.
    return Choices(widths, np.array([elimination.error(int(width)) - elimination.error(full) for width in widths]))
