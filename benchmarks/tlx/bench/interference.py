"""What else went on on the machine while the engines were measured: a verdict on what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tlx.bench.machine_counters import Counters

if TYPE_CHECKING:
    from tlx.bench.sampling import EngineRecord

MUCH_STEAL: Final = 0.01
MUCH_THROTTLING: Final = 0.01
MUCH_LOAD: Final = 0.05
MUCH_FREQUENCY: Final = 0.1
MUCH_DRIFT: Final = 0.02
DISTURBED: Final = 1.25
"""A round in which all engines took this many times as long as usual was disturbed."""
MANY_DISTURBED: Final = 0.05
FEWEST_ROUNDS: Final = 10
MOST_POINTS: Final = 1000
"""The trend of a longer course is that of the medians of so many stretches of it: all pairs are looked at."""
CONFIDENCE: Final = 0.99

Series = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether times rose or fell from the first round to the last.

    Attributes:
        share: By how much of themselves: 0.05 is 5 % slower at the end than at the start, negative is faster.
        significant: More than chance explains, with 99 % confidence.
    """

    share: float
    significant: bool


@dataclass(frozen=True, slots=True)
class Interference:
    """What disturbed the measurement.

    Attributes:
        steal_share: Of the engines' processors, while the rounds ran: what the hypervisor gave to others, 0–1. This
            and the next are None where the system doesn't tell.
        other_load_share: What other processes used, 0–1.
        frequency_mhz: The lowest and the highest frequency that was seen between turns; None where it isn't told.
        drift: Of all engines together; None with too few rounds to tell.
        warnings: One line for each thing that makes the figures doubtful.
        throttled_share: Of the periods of a container's quota: those in which it was used up, and the engines stopped;
            None without a quota.
    """

    steal_share: float | None
    other_load_share: float | None
    frequency_mhz: tuple[float, float] | None
    drift: Drift | None
    warnings: tuple[str, ...]
    throttled_share: float | None = None

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "steal_share": self.steal_share,
            "other_load_share": self.other_load_share,
            "throttled_share": self.throttled_share,
            "frequency_mhz": self.frequency_mhz and dict(zip(("low", "high"), self.frequency_mhz, strict=True)),
            "drift": self.drift and {"share": self.drift.share, "significant": self.drift.significant},
            "warnings": list(self.warnings),
        }


def judge_interference(counters: Counters, records: Sequence[EngineRecord]) -> Interference:
    """Make sense of the counters and of how the engines' times went.

    Args:
        counters: Of the time in which the rounds ran.
        records: The engines; those that failed don't count.
    """
    steal = other = None
    if counters.ticks:
        steal = counters.ticks.steal / counters.ticks.all
        other = max(0.0, counters.ticks.busy - counters.own_ticks) / counters.ticks.all
    stops = counters.throttling
    throttled = stops.throttled / max(1, stops.periods) if stops else None
    frequencies = counters.frequencies_mhz
    frequency_mhz = (min(frequencies), max(frequencies)) if frequencies else None
    medians_ms = {record.row: np.array(record.medians_ms) for record in records if record.error is None}
    common = common_course(list(medians_ms.values()))
    drift = find_drift(common)
    warnings = [
        *_counter_warnings(steal, other, frequency_mhz),
        *_throttling_warnings(throttled),
        *_course_warnings(common, drift),
        *_engine_warnings(medians_ms, common),
        *(
            f"{record.row} was still getting faster after {record.warm_up.calls} calls of warm-up"
            for record in records
            if record.error is None and record.warm_up and not record.warm_up.stable
        ),
    ]
    return Interference(steal, other, frequency_mhz, drift, tuple(warnings), throttled)


def common_course(medians_ms: Sequence[Series]) -> Series:
    """How many times as long as usual the engines took in each round, all together; empty without engines."""
    if not medians_ms:
        return np.array([])
    relative = [series / np.median(series) for series in medians_ms]
    return np.asarray(np.exp(np.mean(np.log(relative), axis=0)), dtype=np.float64)


def find_drift(course: Series, confidence: float = CONFIDENCE) -> Drift | None:
    """Mann and Kendall's test for a trend and Theil and Sen's slope: no shape is assumed, outliers have no say.

    Args:
        course: One value for each round, in order.
        confidence: Of the test.

    Returns:
        None with fewer than :data:`FEWEST_ROUNDS`.
    """
    rounds = len(course)
    if rounds < FEWEST_ROUNDS:
        return None
    if rounds > MOST_POINTS:
        course = np.array([np.median(stretch) for stretch in np.array_split(course, MOST_POINTS)])
        rounds = MOST_POINTS
    early, late = np.triu_indices(rounds, 1)
    differences = course[late] - course[early]
    score = float(np.sign(differences).sum())
    deviation = (rounds * (rounds - 1) * (2 * rounds + 5) / 18) ** 0.5
    z = max(0.0, abs(score) - 1) / deviation
    slope = float(np.median(differences / (late - early)))
    share = slope * (rounds - 1) / float(np.median(course))
    return Drift(share, significant=z > NormalDist().inv_cdf((1 + confidence) / 2))


def _counter_warnings(steal: float | None, other: float | None, frequency_mhz: tuple[float, float] | None) -> list[str]:
    warnings = []
    if steal is not None and steal > MUCH_STEAL:
        warnings.append(f"the hypervisor gave {steal:.0%} of the processors' time to others")
    if other is not None and other > MUCH_LOAD:
        warnings.append(f"other processes used {other:.0%} of the processors' time")
    if frequency_mhz and frequency_mhz[1] > frequency_mhz[0] * (1 + MUCH_FREQUENCY):
        warnings.append(
            f"the processors' frequency changed between {frequency_mhz[0]:.0f} and {frequency_mhz[1]:.0f} MHz"
        )
    return warnings


def _throttling_warnings(throttled: float | None) -> list[str]:
    if throttled is None or throttled <= MUCH_THROTTLING:
        return []
    return [f"the container's quota was used up, and the engines stopped, in {throttled:.0%} of its periods"]


def _course_warnings(common: Series, drift: Drift | None) -> list[str]:
    warnings = []
    if drift and drift.significant and abs(drift.share) > MUCH_DRIFT:
        direction = "slower" if drift.share > 0 else "faster"
        warnings.append(f"all engines got {abs(drift.share):.0%} {direction} from the first round to the last")
    disturbed = int((common > DISTURBED).sum())
    if disturbed > MANY_DISTURBED * len(common):
        warnings.append(f"{disturbed} of {len(common)} rounds were disturbed: all engines took longer in them")
    return warnings


def _engine_warnings(medians_ms: dict[str, Series], common: Series) -> list[str]:
    """Of an engine that goes another way than all together; one alone can't."""
    if len(medians_ms) < 2:  # noqa: PLR2004 - one
        return []
    # Each engine is asked, so each answer must be surer.
    confidence = 1 - (1 - CONFIDENCE) / len(medians_ms)
    warnings = []
    for row, series in medians_ms.items():
        drift = find_drift(series / common, confidence)
        if drift and drift.significant and abs(drift.share) > MUCH_DRIFT:
            direction = "slower" if drift.share > 0 else "faster"
            warnings.append(f"{row} got {abs(drift.share):.0%} {direction} beside the others while it was measured")
    return warnings
