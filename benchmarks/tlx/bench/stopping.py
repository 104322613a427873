"""When the rounds may end: the intervals are narrow enough.

Whoever looks at an interval after each round and stops as soon as it pleases finds it narrow by chance, and it holds
less than it states. So the looks are few and far between, there is none before there are rounds enough, and a bench
that was ended by a look takes wider intervals than one that wasn't. Made for 96 %, they hold 94 to 97 % (simulated,
with calls of one turn alike and not, and noise that ends the rounds early and late); made for
95 %, they'd hold 92 to 96 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tlx.bench.statistics import paired_ratio, percentile
from tlx.runtime.timing.statistics import Estimate

if TYPE_CHECKING:
    from tlx.bench.sampling import EngineRecord

LOOKS: Final = (15, 20, 30, 45, 65, 100)
"""After so many rounds the intervals are looked at; then after each further hundred."""
LOOK_CONFIDENCE: Final = 0.96


def is_look(rounds: int) -> bool:
    """Whether the intervals are looked at after so many rounds."""
    return rounds in LOOKS or rounds % LOOKS[-1] == 0


def is_narrow(records: Sequence[EngineRecord], margin: float) -> bool:
    """Whether each engine's median, and its ratio to the first of its batch and threads, is known well enough.

    Args:
        records: Engines that have not failed.
        margin: What the half of an interval may be of its value, as in 0.02.
    """
    baselines: dict[tuple[int, int], EngineRecord] = {}
    for record in records:
        baseline = baselines.setdefault(record.spec.conditions, record)
        median = percentile([turn.latencies_ns for turn in record.turns], 0.5, LOOK_CONFIDENCE)
        ratio = paired_ratio(baseline.medians_ms, record.medians_ms, LOOK_CONFIDENCE)
        if not (_is_within(median, margin) and _is_within(ratio, margin)):
            return False
    return True


def _is_within(estimate: Estimate | None, margin: float) -> bool:
    if estimate is None or estimate.low is None or estimate.high is None:
        return False
    return (estimate.high - estimate.low) / 2 <= margin * estimate.value
