"""What each layer costs on this device at any width, from timings of whole networks.

A layer timed alone would pay for laying out its input and output, which the layers beside it save in a network. So
networks of several widths run under ONNX Runtime's profiler, and each layer's times are fitted by a + b·inputs +
c·outputs + d·inputs·outputs with no negative term.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.statistics import Floats
from tlx.core.compress.trial_graph import build_trial
from tlx.progress import Progress, silent
from tlx.runtime.processors import usable_processors
from tlx.runtime.session import CPU_PROVIDER, Tuning, create_engine

_CALLS: Final = 12
_WARM_UP: Final = 3
_ROUNDS: Final = 3
_SHARES: Final = (1.0, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.0625)
_MIXED: Final = 10
"""Networks whose layers have widths of their own, so that inputs and outputs are told apart."""
_CONVOLUTIONS: Final = {"Conv", "QLinearConv", "FusedConv"}


@dataclass(frozen=True, slots=True)
class LayerCosts:
    """Milliseconds of each layer at batch 1.

    Attributes:
        terms: ``[layers, 4]``: constant, by input channel, by output channel, by their product.
        rest_ms: What isn't in any convolution: reading the picture, the head.
        error: The median of the share by which the fit misses the whole networks that were timed.
        threads: Of the engine.
        int8: Whether the layers were timed in eight bits.
    """

    terms: Floats
    rest_ms: float
    error: float
    threads: int
    int8: bool

    def layer_ms(self, layer: int, inputs: npt.ArrayLike, outputs: npt.ArrayLike) -> Floats:
        """One layer's time for any widths."""
        taken, given = np.asarray(inputs, float), np.asarray(outputs, float)
        constant, by_input, by_output, by_both = self.terms[layer]
        return np.asarray(constant + by_input * taken + by_output * given + by_both * taken * given)

    def layers_ms(self, channels: Sequence[int]) -> tuple[float, ...]:
        """The time of each layer of a network."""
        inputs = (3, *channels[:-1])
        return tuple(
            float(self.layer_ms(place, *pair)) for place, pair in enumerate(zip(inputs, channels, strict=True))
        )

    def network_ms(self, channels: Sequence[int]) -> float:
        """A whole network's time."""
        return self.rest_ms + sum(self.layers_ms(channels))


def measure_layer_costs(
    network: PlainNetwork, *, int8: bool, threads: int | None = None, seed: int = 0, progress: Progress = silent
) -> LayerCosts:
    """Time networks of several widths on this device's CPU and fit each layer's cost.

    Args:
        network: Gives sizes and full widths.
        int8: Time eight-bit networks.
        threads: Processors for one operator; those that this process may use if None.
        seed: Of the mixed widths.
        progress: Told of each network.
    """
    threads = threads or usable_processors()
    designs = _designs(network.channels, np.random.default_rng(seed))
    models = [build_trial(network, channels, int8=int8) for channels in designs]
    rounds = []
    for number in range(_ROUNDS):
        profiles = []
        for place, model in enumerate(models):
            progress("timing widths", number * len(models) + place, _ROUNDS * len(models))
            profiles.append(_profile(model, network.size_hw, threads))
        rounds.append(profiles)
    progress("timing widths", _ROUNDS * len(models), _ROUNDS * len(models))
    # What slows a round down is never the network.
    times = np.min(np.array(rounds), axis=0)
    totals = times.sum(axis=1)
    layers_ms, rest_ms = times[:, 1:], float(np.median(times[:, 0]))
    inputs = np.array([(3, *channels[:-1]) for channels in designs], float)
    outputs = np.array(designs, float)
    terms = np.array([_fit(inputs[:, k], outputs[:, k], layers_ms[:, k]) for k in range(layers_ms.shape[1])])
    costs = LayerCosts(terms, rest_ms, 0.0, threads, int8)
    misses = [abs(costs.network_ms(channels) / total - 1) for channels, total in zip(designs, totals, strict=True)]
    return replace(costs, error=float(np.median(misses)))


def rounded_widths(full: int) -> npt.NDArray[np.int64]:
    """Widths that fill vectors: multiples of 16, below 64 of 8."""
    widths = np.array([*range(8, 64, 8), *range(64, full + 1, 16)])
    return np.unique(np.append(widths[widths < full], full))


def _designs(full: Sequence[int], random: np.random.Generator) -> list[tuple[int, ...]]:
    equal = [tuple(_nearest(width, share) for width in full) for share in _SHARES]
    mixed = [tuple(int(random.choice(_narrow(width))) for width in full) for _ in range(_MIXED)]
    return [*equal, *mixed]


def _narrow(full: int) -> npt.NDArray[np.int64]:
    """Up to half: where compression ends up."""
    widths = rounded_widths(full)
    return widths[widths <= max(full // 2, int(widths[0]))]


def _nearest(width: int, share: float) -> int:
    widths = rounded_widths(width)
    return int(widths[np.argmin(np.abs(widths - share * width))])


def _fit(inputs: Floats, outputs: Floats, times_ms: Floats) -> Floats:
    columns = np.stack([np.ones_like(inputs), inputs, outputs, inputs * outputs], axis=1)
    # Relative errors count: a small network must not be drowned by the large ones.
    solution, _ = nnls(columns / times_ms[:, None], np.ones_like(times_ms))
    return np.asarray(solution)


def _profile(model: bytes, size_hw: tuple[int, int], threads: int) -> Floats:
    """Milliseconds of what comes before the convolutions, and of each with what follows it."""
    image = np.random.default_rng(0).integers(0, 256, (1, *size_hw, 3), np.uint8)
    with tempfile.TemporaryDirectory(prefix="tlx-compress-") as folder:
        tuning = Tuning(profile=Path(folder) / "profile")
        session = create_engine(model, [CPU_PROVIDER], threads=threads, tuning=tuning)
        for _ in range(_CALLS + _WARM_UP):
            session.run(None, {"image": image})
        events = json.loads(Path(session.end_profiling()).read_bytes())
    return _sum_by_layer(events)


def _sum_by_layer(events: Sequence[dict[str, Any]]) -> Floats:
    calls: list[list[float]] = []
    for event in sorted((event for event in events if "dur" in event), key=lambda event: event["ts"]):
        if event["name"] == "model_run":
            calls.append([0.0])
        elif event.get("cat") == "Node" and event["name"].endswith("_kernel_time") and calls:
            if event["args"]["op_name"] in _CONVOLUTIONS:
                calls[-1].append(0.0)
            calls[-1][-1] += event["dur"] / 1e3
    rows = np.array(calls[_WARM_UP:])
    return np.asarray(np.quantile(rows, 0.25, axis=0))
