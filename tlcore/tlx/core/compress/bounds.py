"""What a person asks of a compression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tlx.errors import InputError


@dataclass(frozen=True, slots=True)
class Bounds:
    """At least one of speed and accuracy; what isn't bound becomes as good as it can.

    Attributes:
        speedup: Over the original's own fp32 file, one picture on this device.
        latency_ms: Of one picture on this device.
        max_drop: Points of accuracy that may be lost.

    Raises:
        InputError: If nothing is bound, or by what can't be.
    """

    speedup: float | None = None
    latency_ms: float | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        if self.speedup is None and self.latency_ms is None and self.max_drop is None:
            raise InputError("tlx compress needs to know what you want: --speedup 12, --latency-ms 3 or --max-drop 0.5")
        if self.speedup is not None and not 1 < self.speedup < math.inf:
            raise InputError(f"--speedup {self.speedup:g}: expected more than 1, the speed of the run's own fp32 file")
        if self.latency_ms is not None and not 0 < self.latency_ms < math.inf:
            raise InputError(f"--latency-ms {self.latency_ms:g}: expected more than 0")
        if self.max_drop is not None and not 0 <= self.max_drop <= 100:  # noqa: PLR2004 - points
            raise InputError(f"--max-drop {self.max_drop:g}: expected points from 0 to 100")

    def limit_ms(self, original_ms: float) -> float | None:
        """The longest that a picture may take; None if speed isn't bound."""
        limits = [] if self.latency_ms is None else [self.latency_ms]
        limits += [] if self.speedup is None else [original_ms / self.speedup]
        return min(limits, default=None)

    def misses_speed(self, speedups: Sequence[float], rounds_ms: Sequence[float]) -> bool:
        """Whether each round was slower than was asked for."""
        is_slow = self.speedup is not None and max(speedups) < self.speedup
        return is_slow or (self.latency_ms is not None and min(rounds_ms) > self.latency_ms)

    def allows(self, drop_points: float) -> bool:
        """Whether so many points may be lost."""
        return self.max_drop is None or drop_points <= self.max_drop

    def document(self) -> dict[str, float]:
        """Those that are bound, by name."""
        found = {"speedup": self.speedup, "latency_ms": self.latency_ms, "max_drop": self.max_drop}
        return {name: value for name, value in found.items() if value is not None}
