"""The speed gate's decision: a cheaper precision has to be faster on this device, and clearly so."""

from __future__ import annotations

import statistics
from typing import Final

from tlx.contract import SpeedRecord
from tlx.runtime import environment
from tlx.runtime.timing.speed import MINIMUM_RATIO, SpeedRounds, speed_ratio

STATISTIC: Final = "median of the rounds' paired ratios with the sign test's interval, 95 % over all looks"


def judge_speed(rounds: SpeedRounds, *, minimum_ratio: float = MINIMUM_RATIO) -> SpeedRecord:
    """Ask of two files' rounds whether the second is faster by a ratio, with 95 % confidence.

    The lower end of the interval has to reach the ratio; a tie, a difference that is too small, and too much noise
    fail alike. The interval (:func:`tlx.runtime.timing.speed.speed_ratio`) leaves out the two most extreme rounds of
    each side from 14 rounds on, and one from 11: so many may be spoilt and it still tells the truth.

    Args:
        rounds: From :func:`tlx.runtime.timing.speed.measure_speed`, on this machine.
        minimum_ratio: 1.1 asks for a tenth more pictures in the same time.
    """
    ratio = speed_ratio(rounds.reference_ms, rounds.candidate_ms)
    assert ratio.low is not None
    assert ratio.high is not None
    return SpeedRecord(
        device=rounds.device,
        processor=environment.processor_name(),
        threads=rounds.threads,
        rounds=len(rounds.reference_ms),
        reference_p50_ms=statistics.median(rounds.reference_ms),
        p50_ms=statistics.median(rounds.candidate_ms),
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        minimum_ratio=minimum_ratio,
        verdict="passed" if ratio.low >= minimum_ratio else "failed",
    )


def explain_speed(record: SpeedRecord) -> str:
    """The figures as one line for a person, without the verdict."""
    return (
        f"{record.ratio:.2f} times as fast, with 95 % confidence {record.ratio_low:.2f} to {record.ratio_high:.2f} "
        f"(asked for: {record.minimum_ratio:g}); {record.p50_ms:.2f} ms against {record.reference_p50_ms:.2f} ms "
        f"on {record.device} with {_threads(record.threads)}, {record.rounds} rounds"
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
