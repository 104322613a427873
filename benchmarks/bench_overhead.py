"""What `tlx bench` itself adds to a timing.

In one process of the bench, turns as the bench times them (one look at the clock before and after each call) and plain
loops over the same pictures (one look before and after all calls) take turns; the difference of their means is what the
bench adds. The same with an engine that computes nothing: a long call differs from the next by more than microseconds,
and what is added to a call of nothing is added to every call.

    python benchmarks/bench_overhead.py model.onnx --photos ../shared/data/cats_dogs/validation --rounds 40

Prints one JSON object; ``--output FILE`` also writes it. The aim: at most 1 % of a call, or 5 microseconds, with
95 % confidence, of the model or of nothing.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bare_calls import BareCalls, BareTime
from suite.output import deliver
from tlx.bench.pictures import choose_readable, find_photos
from tlx.bench.sampling import LOAD_TIMEOUT_S
from tlx.runtime import environment
from tlx.runtime.timing.model_setup import Place, setup_of
from tlx.runtime.timing.order import reply_timeout_s, round_order
from tlx.runtime.timing.process import WorkerProcess
from tlx.runtime.timing.protocol import NOOP_KIND, Ready, Samples, Setup, Turn
from tlx.runtime.timing.statistics import Estimate, percentile

AT_MOST_SHARE: Final = 0.01
AT_MOST_US: Final = 5.0
WORKER: Final = "bare_calls"
WARM_UP_CALLS: Final = 2
NOOP_CALLS: Final = 2000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--photos", type=Path, help="folder of photos (default: made by formula)")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=12, help="of each way in a round")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    setup = setup_of(arguments.model, Place("cpu", arguments.threads))
    if arguments.photos:
        photos = choose_readable(find_photos(arguments.photos), arguments.limit, 0)[0]
        setup = replace(setup, photos=[str(photo) for photo in photos], synthetic=0)
    nothing = beside_plain_loops(replace(setup, kind=NOOP_KIND), rounds=arguments.rounds, calls=NOOP_CALLS)
    beside = beside_plain_loops(setup, rounds=arguments.rounds, calls=arguments.calls)
    result = {
        "benchmark": "bench_overhead",
        "model": arguments.model.name,
        "threads": setup.threads,
        **beside,
        "aim_met": beside["aim_met"] or nothing["aim_met"],
        "nothing": nothing,
        # The median of the rounds' means.
        "empty_call_us": ends(estimate(nothing["timed_us"])),
        "environment": environment.describe(),
    }
    deliver(result, arguments.output)


def beside_plain_loops(setup: Setup, *, rounds: int, calls: int) -> dict[str, Any]:
    """The mean call as the bench times it, and in a plain loop, in each round of one process."""
    timed_us: list[float] = []
    bare_us: list[float] = []
    with WorkerProcess("bench", setup, WORKER) as worker:
        call_ms = statistics.median(worker.receive(Ready, timeout_s=LOAD_TIMEOUT_S).warm_up_ms)
        timeout_s = reply_timeout_s(calls + WARM_UP_CALLS, call_ms)
        for number in range(rounds):
            for place in round_order(2, number, 0):
                if place:
                    worker.send(Turn(number * calls, WARM_UP_CALLS, calls))
                    latencies_ns = worker.receive(Samples, timeout_s=timeout_s).latencies_ns
                    timed_us.append(statistics.mean(latencies_ns) / 1e3)
                else:
                    worker.send(BareCalls(number * calls, WARM_UP_CALLS, calls))
                    bare_us.append(worker.receive(BareTime, timeout_s=timeout_s).elapsed_ns / 1e3 / calls)
    added = estimate([timed - bare for timed, bare in zip(timed_us, bare_us, strict=True)])
    share = estimate([timed / bare - 1 for timed, bare in zip(timed_us, bare_us, strict=True)])
    return {
        "added_us": ends(added),
        "added_share": ends(share),
        "aim": {"share": AT_MOST_SHARE, "us": AT_MOST_US},
        "aim_met": is_within(added, AT_MOST_US) or is_within(share, AT_MOST_SHARE),
        "rounds": rounds,
        "calls_a_round": calls,
        "timed_us": timed_us,
        "bare_us": bare_us,
    }


def is_within(one: Estimate, limit: float) -> bool:
    """Whether the whole interval is at most that; too few rounds for an interval show nothing."""
    return one.high is not None and one.high <= limit


def estimate(values: list[float]) -> Estimate:
    """The median with its 95 % interval, which needs six values."""
    return percentile(values, 0.5) or Estimate(statistics.median(values), None, None)


def ends(one: Estimate) -> dict[str, float | None]:
    """For JSON."""
    return {"median": one.value, "low": one.low, "high": one.high}


if __name__ == "__main__":
    main()
