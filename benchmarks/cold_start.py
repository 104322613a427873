"""From the start of a process to its first answer: ``tlx --help`` and the first label of ``tlx classify``.

    python benchmarks/cold_start.py model.onnx photo.jpg --python EDGE_VENV/bin/python

The four commands run in turn, so that a change of the machine's speed hits all alike: the bare interpreter, the help,
ONNX Runtime loading the same model's bytes with one run, and the classification of one photo up to the first line on
stdout. ``--python`` names the environment to measure, such as one without TensorFlow. Prints one JSON object;
``--output FILE`` also writes it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from suite.output import deliver
from tlx.runtime import environment

LOAD_MODEL = """
import sys, time
import numpy as np
import onnxruntime
started_s = time.perf_counter()
options = onnxruntime.SessionOptions()
session = onnxruntime.InferenceSession(open(sys.argv[1], "rb").read(), options, providers=["CPUExecutionProvider"])
(image,) = session.get_inputs()
session.run(None, {image.name: np.zeros([1, *image.shape[1:]], np.uint8)})
print(time.perf_counter() - started_s)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment to measure")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    tlx = str(Path(arguments.python).with_name("tlx"))
    commands = {
        "python -c pass": [arguments.python, "-c", "pass"],
        "tlx --help": [tlx, "--help"],
        "tlx classify, first label": [tlx, "classify", str(arguments.model), str(arguments.photo)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in (*commands, "loading the model")}
    for _ in range(arguments.runs):
        for name, command in commands.items():
            seconds[name].append(first_line_s(command))
        load = [arguments.python, "-c", LOAD_MODEL, str(arguments.model)]
        seconds["loading the model"].append(float(subprocess.run(load, capture_output=True, check=True).stdout))
    result = summarize(seconds) | {"runs": arguments.runs, "environment": environment.describe()}
    deliver(result, arguments.output)


def first_line_s(command: list[str]) -> float:
    """Seconds from the start of a process to the end of its first line on stdout, or to its end if it has none."""
    started_s = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        elapsed_s = time.perf_counter() - started_s
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return elapsed_s


def summarize(seconds: dict[str, list[float]]) -> dict[str, object]:
    """Medians, spreads, ratios to the bare interpreter, and what classify adds to loading the model."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "benchmark": "cold_start",
        "median_s": medians,
        "min_max_s": {name: [min(values), max(values)] for name, values in seconds.items()},
        "ratio_to_python": {name: median / medians["python -c pass"] for name, median in medians.items()},
        "classify_beyond_loading_s": medians["tlx classify, first label"] - medians["loading the model"],
    }


if __name__ == "__main__":
    main()
