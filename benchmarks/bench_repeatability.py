"""Whether the same `tlx bench`, run several times, gives the same ratios.

    python benchmarks/bench_repeatability.py --runs 5 model.onnx --keras RUN --photos ../shared/data/cats_dogs

All other words go to `tlx bench`. Prints one JSON object; ``--output FILE`` also writes it. The aim: the ratios of an
engine to the baseline differ by at most 5 % between any two runs. A bench beside which other programs of this machine
worked is left out, told of under ``left_out``, and another one is run in its place, up to as many as ``--runs``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from suite.output import deliver
from tlx.bench.interference import MUCH_LOAD
from tlx.bench.row_names import row_name
from tlx.bench.typed_command import typed_command
from tlx.runtime import environment

WITHIN: Final = 0.05


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path)
    arguments, words = parser.parse_known_args()
    documents: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    while len(documents) < arguments.runs:
        print(f"run {len(documents) + 1} of {arguments.runs}", file=sys.stderr, flush=True)
        document = run_bench(words)
        is_counted = not worked_beside(document) or len(left_out) == arguments.runs
        (documents if is_counted else left_out).append(document)
    result = {
        "benchmark": "bench_repeatability",
        "command": typed_command(["tlx", "bench", *words]),
        **compare([document["engines"] for document in documents]),
        "each_run": [digest(document) for document in documents],
        "left_out": [digest(document) for document in left_out],
        "environment": environment.describe(),
    }
    deliver(result, arguments.output)


def run_bench(words: Sequence[str]) -> dict[str, Any]:
    """The document of one bench."""
    command = [sys.executable, "-m", "tlx.cli.app", "bench", *words, "--format", "json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"tlx bench ended with {done.returncode}: {done.stderr.strip()}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def worked_beside(document: dict[str, Any]) -> bool:
    """Whether other programs took more of the processors than a bench can stand."""
    return ((document.get("interference") or {}).get("other_load_share") or 0.0) > MUCH_LOAD


def digest(document: dict[str, Any]) -> dict[str, Any]:
    """What tells one run from another: its figures, and what disturbed them."""
    fields = ("p50_ms", "p50_ci95_ms", "ratio_to_baseline", "ratio_ci95")
    interference = document.get("interference") or {}
    return {
        "rounds": document["method"]["rounds"],
        "seconds": document["method"]["seconds"],
        "steal_share": interference.get("steal_share"),
        "other_load_share": interference.get("other_load_share"),
        "warnings": interference.get("warnings"),
        "engines": {_name(row): {field: row.get(field) for field in fields} for row in document["engines"]},
    }


def compare(runs: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """How far the ratios of each engine are apart.

    Args:
        runs: The engines of each run, the baseline among them.
    """
    ratios: dict[str, list[float]] = {}
    for engines in runs:
        for engine in engines:
            ratios.setdefault(_name(engine), []).append(engine["ratio_to_baseline"])
    rows: dict[str, dict[str, Any]] = {
        name: {"ratios": values, "median": statistics.median(values), "apart": max(values) / min(values) - 1}
        for name, values in ratios.items()
    }
    return {
        "runs": len(runs),
        "engines": rows,
        "largest_apart": max(row["apart"] for row in rows.values()),
        "aim": WITHIN,
        "aim_met": all(row["apart"] <= WITHIN for row in rows.values()),
    }


def _name(engine: dict[str, Any]) -> str:
    """What is the same row in each run."""
    return row_name(engine["name"], batch=engine["batch"], threads=engine.get("threads"))


if __name__ == "__main__":
    main()
