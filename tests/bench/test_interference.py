"""What disturbs is noticed, and what doesn't isn't: on counters and courses that are known."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tlx.bench.interference import find_drift, judge_interference
from tlx.bench.machine_counters import Counters, Throttling, Ticks
from tlx.bench.plan import EngineSpec
from tlx.bench.sampling import EngineRecord
from tlx.bench.warm_up import WarmUp
from tlx.runtime.timing.protocol import Samples

QUIET = Counters(Ticks(1000, 510, 0), 500, (2800.0, 2800.0))


def engine(name: str, course: object, *, ms: float = 10.0, stable: bool = True) -> EngineRecord:
    turns = [Samples([int(ms * 1e6 * factor)] * 3, 0, 0, 0) for factor in np.asarray(course, float)]
    spec = EngineSpec(name, Path("model.onnx"), (8, 8))
    return EngineRecord(spec, name, warm_up=WarmUp(20, 30.0, stable), turns=turns)


def noise(seed: int, rounds: int = 40) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).lognormal(0, 0.01, rounds)


def warnings(counters: Counters, *engines: EngineRecord) -> str:
    return " | ".join(judge_interference(counters, engines).warnings)


def test_a_quiet_machine_gives_no_warning() -> None:
    result = judge_interference(QUIET, [engine("a", noise(1)), engine("b", noise(2))])
    assert result.warnings == ()
    assert (result.steal_share, result.other_load_share, result.frequency_mhz) == (0.0, 0.01, (2800.0, 2800.0))
    assert result.drift is not None
    assert not result.drift.significant
    assert result.document()["frequency_mhz"] == {"low": 2800.0, "high": 2800.0}


@pytest.mark.parametrize(
    ("counters", "words"),
    [
        (Counters(Ticks(1000, 500, 30), 500, ()), "the hypervisor gave 3% of the processors' time to others"),
        (Counters(Ticks(1000, 700, 0), 500, ()), "other processes used 20% of the processors' time"),
        (
            Counters(None, 0, (), Throttling(200, 50)),
            "the container's quota was used up, and the engines stopped, in 25% of its periods",
        ),
        (Counters(None, 0, (), Throttling(200, 2)), ""),
        (Counters(None, 0, (1200.0, 2800.0)), "the processors' frequency changed between 1200 and 2800 MHz"),
    ],
)
def test_what_the_counters_show_is_told(counters: Counters, words: str) -> None:
    assert warnings(counters, engine("a", noise(1))) == words


def test_what_the_system_does_not_tell_is_none() -> None:
    result = judge_interference(Counters(None, 0, ()), [engine("a", noise(1, rounds=5))])
    assert (result.steal_share, result.other_load_share, result.frequency_mhz, result.drift) == (None, None, None, None)
    assert result.warnings == ()


def test_a_machine_that_gets_slower_is_told() -> None:
    slower = np.linspace(1.0, 1.1, 40)
    result = judge_interference(QUIET, [engine("a", slower * noise(1)), engine("b", slower * noise(2), ms=30.0)])
    assert result.drift is not None
    assert result.drift.significant
    assert result.drift.share == pytest.approx(0.1, abs=0.02)
    assert result.warnings == ("all engines got 9% slower from the first round to the last",)


def test_an_engine_that_goes_another_way_than_the_others_is_told() -> None:
    faster = np.linspace(1.2, 1.0, 40)
    text = warnings(QUIET, engine("a", noise(1)), engine("b", noise(2)), engine("c", faster * noise(3)))
    assert "c got " in text
    assert "faster beside the others" in text


def test_disturbed_rounds_are_counted() -> None:
    disturbed = noise(1)
    disturbed[[3, 9, 17, 30]] *= 2
    text = warnings(QUIET, engine("a", disturbed), engine("b", disturbed))
    assert text == "4 of 40 rounds were disturbed: all engines took longer in them"


def test_an_engine_that_did_not_get_warm_is_told() -> None:
    assert warnings(QUIET, engine("a", noise(1), stable=False)) == (
        "a was still getting faster after 20 calls of warm-up"
    )


def test_failed_engines_do_not_count() -> None:
    broken = engine("b", [1.0] * 3)
    broken.error = "b: its process ended"
    assert judge_interference(QUIET, [engine("a", noise(1)), broken]).warnings == ()
    assert judge_interference(QUIET, [broken]).drift is None


def test_drift_is_rarely_found_where_there_is_none_and_mostly_where_there_is() -> None:
    generator = np.random.default_rng(0)
    # Skewed noise with outliers; 99 % confidence allows one in a hundred.
    found = [find_drift(generator.lognormal(0, 0.1, 30) + (generator.random(30) < 0.05)) for _ in range(2000)]
    assert np.mean([drift is not None and drift.significant for drift in found]) <= 0.015
    slower = [find_drift(generator.lognormal(0, 0.05, 30) * np.linspace(1, 1.2, 30)) for _ in range(300)]
    assert np.mean([drift is not None and drift.significant for drift in slower]) >= 0.95


def test_drift_of_many_rounds_takes_little_memory() -> None:
    course = np.random.default_rng(0).lognormal(0, 0.05, 20_000) * np.linspace(1, 1.1, 20_000)
    tracemalloc.start()
    drift = find_drift(course)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert drift is not None
    assert drift.significant
    assert drift.share == pytest.approx(0.1 / 1.05, rel=0.1)
    assert peak < 50e6


def test_drift_of_a_straight_line() -> None:
    drift = find_drift(np.linspace(1.0, 1.2, 11))
    assert drift is not None
    assert drift.share == pytest.approx(0.2 / 1.1)
    assert drift.significant
