"""Whether `tlx bench` and MLPerf LoadGen tell the same 90th percentile of the same model.

Two processes on the same processors and photos: a worker as `tlx bench` runs it, and one that LoadGen asks photo by
photo (SingleStream). They have turns of as many calls in interleaved rounds, the other one at rest:

    python benchmarks/loadgen_agreement.py model.onnx --photos ../shared/data/cats_dogs/validation --rounds 20

LoadGen's figure is its own, from its log of each round. Prints one JSON object; ``--output FILE`` also writes it,
``--logs FOLDER`` keeps LoadGen's logs. The aim: the whole interval of the ratio of the two (median over the rounds)
lies within 5 % of 1. ``bench_p90_ms``, the percentile of all turns together, has no counterpart: it contains how rounds
differ from each other, which LoadGen's figures, each of one test, don't.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from suite.output import deliver
from tlx import atomic
from tlx.bench.loadgen.loadgen import LoadgenOptions, make_setup
from tlx.bench.loadgen.logs import read_result
from tlx.bench.loadgen.messages import LoadgenTest
from tlx.bench.loadgen.process import LoadgenProcess
from tlx.bench.pictures import choose_readable, find_photos
from tlx.bench.sampling import LOAD_TIMEOUT_S
from tlx.bench.statistics import paired_ratio, summarize
from tlx.runtime import environment
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import Ready, Samples, Setup, Turn

WITHIN: Final = 0.05
BENCH_WORKER: Final = "tlx.bench.worker"
WARM_UP_CALLS: Final = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--photos", type=Path, help="folder of photos (default: made by formula)")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=64, help="of each in a round; LoadGen needs 64 for its p90")
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    photos = choose_readable(find_photos(arguments.photos), arguments.limit, 0)[0] if arguments.photos else []
    options = LoadgenOptions(arguments.model, Path(), limit=arguments.limit, threads=arguments.threads, device="cpu")
    setup = make_setup(photos, options)
    with tempfile.TemporaryDirectory() as temporary:
        logs = arguments.logs or Path(temporary)
        rounds, turns = measure(setup, logs.resolve(), rounds=arguments.rounds, calls=arguments.calls)
    result = judge(rounds, turns) | {
        "model": arguments.model.name,
        "calls_a_round": arguments.calls,
        "threads": setup.threads,
        "rounds": rounds,
        "environment": environment.describe(),
    }
    deliver(result, arguments.output)


def measure(setup: Setup, logs: Path, *, rounds: int, calls: int) -> tuple[list[dict[str, float]], list[list[float]]]:
    """Percentiles of both in each round, and the calls of each of the bench's turns, in milliseconds."""
    found: list[dict[str, float]] = []
    turns: list[list[float]] = []
    with ExitStack() as stack:
        bench = stack.enter_context(WorkerProcess("tlx bench", setup, BENCH_WORKER))
        call_ms = statistics.median(bench.receive(Ready, timeout_s=LOAD_TIMEOUT_S).warm_up_ms)
        loadgen = stack.enter_context(LoadgenProcess(setup))
        for number in range(rounds):
            one: dict[str, float] = {}
            for place in round_order(2, number, 0):
                if place:
                    one |= loadgen_turn(loadgen, logs / f"round-{number:03}", calls)
                else:
                    bench.send(Turn(number * calls, WARM_UP_CALLS, calls))
                    samples = bench.receive(Samples, timeout_s=reply_timeout_s(calls, call_ms))
                    turns.append([latency_ns / 1e6 for latency_ns in samples.latencies_ns])
                    one |= {f"bench_p{q}_ms": float(np.percentile(turns[-1], q)) for q in (50, 90)}
            found.append(one)
    return found, turns


def loadgen_turn(loadgen: LoadgenProcess, logs: Path, calls: int) -> dict[str, float]:
    """One SingleStream test of so many queries."""
    atomic.make_folder(logs)
    loadgen.run(
        LoadgenTest(
            "SingleStream",
            "PerformanceOnly",
            str(logs),
            min_seconds=0.001,
            min_queries=calls,
            # Longer than any: LoadGen then has as many queries in store as are asked for, and no more.
            expected_ms=10 * loadgen.call_ms,
        )
    )
    result = read_result(logs)
    return {f"loadgen_p{q}_ms": result.percentiles_ms[f"p{q}"] for q in (50, 90)} | {"queries": float(result.queries)}


def judge(rounds: list[dict[str, float]], turns: list[list[float]]) -> dict[str, Any]:
    """The ratios LoadGen over bench round by round, and whether the whole interval of the p90s' is within the aim."""
    ratios = {
        f"loadgen_over_bench_p{q}": paired_ratio(
            [one[f"loadgen_p{q}_ms"] for one in rounds], [one[f"bench_p{q}_ms"] for one in rounds]
        )
        for q in (50, 90)
    }
    p90 = summarize(turns).p90
    by_round = ratios["loadgen_over_bench_p90"]
    return {
        "benchmark": "loadgen_agreement",
        "bench_p90_ms": p90 and {"value": p90.value, "low": p90.low, "high": p90.high},
        **{name: {"median": ratio.value, "low": ratio.low, "high": ratio.high} for name, ratio in ratios.items()},
        "aim": WITHIN,
        "aim_met": all(_is_within(value) for value in (by_round.low, by_round.high)),
    }


def _is_within(ratio: float | None) -> bool:
    """What isn't known isn't met."""
    return ratio is not None and abs(ratio - 1) <= WITHIN


if __name__ == "__main__":
    main()
