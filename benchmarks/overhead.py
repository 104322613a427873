"""What the loop adds to the work itself, and what it gains over the script that a good engineer would write.

For photos and for a video: the processor seconds of decoding and resizing alone (one thread) and of the network alone
(one picture at a time, one thread), then the time by the clock of the whole, as `tlx classify` runs it, against
(decoding + network) / processors. And of a plain script: OpenCV and ONNX Runtime as they come, one thread of Python.
All of them in interleaved rounds on the same machine:

    python benchmarks/overhead.py model.onnx PHOTOS --limit 1000 --rounds 3
    python benchmarks/overhead.py model.onnx clip.webm --rounds 3

Prints one JSON object; ``--output FILE`` also writes it. The bound: 1.05 times the work.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx.opencv import cv2
from tlx.runtime import environment
from tlx.runtime.classifier import Classifier
from tlx.runtime.loop.ordered import classify_files, plan_threads
from tlx.runtime.loop.preparing import Preparer
from tlx.runtime.loop.running import Output, run_files
from tlx.runtime.loop.tally import Tally
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.output.json_lines import JsonSink
from tlx.runtime.processors import usable_processors
from tlx.runtime.sources.photos import PhotoSource
from tlx.runtime.sources.words import open_sources

BOUND: Final = 1.05


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("source", help="a folder of photos, or a video file")
    parser.add_argument("--limit", type=int, default=1000, help="so many photos at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rounds = [measure(arguments.model, arguments.source, arguments.limit) for _ in range(arguments.rounds)]
    result = {
        "benchmark": "overhead",
        "model": arguments.model.name,
        "pictures": rounds[0]["pictures"],
        "processors": usable_processors(),
        "loop_over_work": spread([one["loop_s"] / one["work_s"] for one in rounds]),
        "command_over_work": spread([one["command_s"] / one["work_s"] for one in rounds]),
        "bound": BOUND,
        "plain_script_over_loop": spread([one["plain_s"] / one["loop_s"] for one in rounds]),
        "rounds": rounds,
        "environment": environment.describe(),
    }
    deliver(result, arguments.output)


def measure(model: Path, source: str, limit: int) -> dict[str, Any]:
    """One round: the parts alone, then the whole in three ways."""
    processors = usable_processors()
    workers, each = plan_threads(None, processors)
    classifier = Classifier.load(model, device="cpu", threads=each)
    with used_processor_time() as decoding:
        prepared = [classifier.prepare(image_rgb) for image_rgb in decoded(source, limit)]
    with used_processor_time() as network:
        for picture in prepared:
            classifier.classify_prepared([picture])
    loop_s = clock(lambda: through_the_loop(classifier, source, limit, workers))
    words = photos_of(source, limit) or [source]
    command = [sys.executable, "-m", "tlx.cli.app", "classify", "-m", str(model), "-", "--format", "json", "--quiet"]
    listed = "\n".join(words)
    command_s = clock(lambda: subprocess.run(command, input=listed, text=True, capture_output=True, check=True))
    plain_s = clock(lambda: plain_script(model, source, limit))
    return {
        "pictures": len(prepared),
        "decoding_and_resizing_cpu_s": decoding[0],
        "network_cpu_s": network[0],
        "work_s": (decoding[0] + network[0]) / processors,
        "loop_s": loop_s,
        "command_s": command_s,
        "plain_s": plain_s,
    }


def decoded(source: str, limit: int) -> Iterator[npt.NDArray[np.uint8]]:
    """The pictures one after the other, as tlx decodes them, with nothing done ahead."""
    for one in limited(source, limit):
        frames = (task() for task in one.tasks()) if isinstance(one, PhotoSource) else one.frames()
        for frame in frames:
            if frame.image_rgb is not None:
                yield frame.image_rgb


def through_the_loop(classifier: Classifier, source: str, limit: int, workers: int) -> None:
    """As the command does it, with JSON that nobody reads."""
    sink = JsonSink(io.StringIO(), tuple(classifier.contract.labels))
    results = classify_files(limited(source, limit), Preparer(lambda: classifier), workers)
    run_files(results, Output(sink), Tally())


def plain_script(model: Path, source: str, limit: int) -> None:
    """What one writes first: a loop, with each library as it comes."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    height, width = entry.shape[1:3]
    lines = io.StringIO()
    for name, frame_bgr in read_plainly(source, limit):
        small = cv2.resize(frame_bgr, (width, height), interpolation=cv2.INTER_AREA)
        batch = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[np.newaxis]
        probabilities = session.run(None, {entry.name: batch})[0][0]
        lines.write(json.dumps({"source": name, "probabilities": probabilities.tolist()}) + "\n")


def read_plainly(source: str, limit: int) -> Iterator[tuple[str, Any]]:
    """Photos by imread, frames by VideoCapture."""
    photos = photos_of(source, limit)
    for photo in photos:
        yield photo, cv2.imread(photo)
    if not photos:
        capture = cv2.VideoCapture(source)
        with contextlib.ExitStack() as stack:
            stack.callback(capture.release)
            while (answer := capture.read())[0]:
                yield source, answer[1]


def limited(source: str, limit: int) -> list[Any]:
    """The sources that the word means; of photos only the first ones."""
    photos = photos_of(source, limit)
    return open_sources(photos or [source])


def photos_of(source: str, limit: int) -> list[str]:
    """Files of a folder, evenly from all of it; none if it's a video."""
    folder = Path(source)
    if not folder.is_dir():
        return []
    found = sorted(str(path) for path in folder.rglob("*.jpg"))
    return found[:: max(1, len(found) // limit)][:limit]


@contextlib.contextmanager
def used_processor_time() -> Iterator[list[float]]:
    """Gives a list that holds the process's processor seconds when the block is over."""
    used: list[float] = []
    started_s = time.process_time()
    yield used
    used.append(time.process_time() - started_s)


def clock(work: Callable[[], object]) -> float:
    """Seconds by the clock."""
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def spread(ratios: list[float]) -> dict[str, float]:
    """Median, lowest, highest."""
    return {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}


if __name__ == "__main__":
    main()
