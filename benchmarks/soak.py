"""Hours before a camera in minutes: one `tlx classify`, a camera that goes through every trouble again and again.

A local camera sends 640 x 480 JPEGs at 30 a second, and every half a minute something happens: it falls silent, ends in
the middle of a picture, shows black, freezes, changes its size, or the capture process is killed. Meanwhile memory,
open files and processes are sampled, and the age of every label is kept:

    python benchmarks/soak.py model.onnx --minutes 20 --output benchmarks/results/soak.json

Beside the JSON a plot of the same name is written (.png; needs matplotlib).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from fake_cameras import HttpClient, http_camera
from tlx import atomic
from tlx.opencv import cv2
from tlx.runtime import environment

RATE_HZ: Final = 30.0
TROUBLES: Final = ("silent", "cut", "black", "frozen", "resized", "killed")
TROUBLE_EVERY_S: Final = 30.0
TROUBLE_LASTS_S: Final = 8.0
SAMPLE_EVERY_S: Final = 5.0
WARM_UP_S: Final = 60.0
"""What is allocated in the first minute isn't growth."""


def main() -> None:
    """Run, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=0, help="of tlx; all processors if left out")
    parser.add_argument("--calm", action="store_true", help="no troubles: only the ages and the memory")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    scene, watch = Scene(), Watch()
    with http_camera(scene.play) as camera:
        address = f"http://127.0.0.1:{camera.port}/video"
        command = [sys.executable, "-m", "tlx.cli.app", "classify", str(arguments.model), address, "--format", "json"]
        command += ["--threads", str(arguments.threads)] if arguments.threads else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            reader = threading.Thread(target=watch.read, args=(process,), daemon=True)
            reader.start()
            endure(process, scene, watch, 60 * arguments.minutes, calm=arguments.calm)
            began_s = time.monotonic()
            process.terminate()
            reader.join(30)
            summary = process.stderr.read() if process.stderr else ""
            process.wait(30)
            stopped_s = time.monotonic() - began_s
    result = {
        "benchmark": "soak",
        "model": arguments.model.name,
        "minutes": arguments.minutes,
        "threads": arguments.threads or "all",
        "inference_ms": percentiles(watch.inference_ms),
        "connections": camera.clients,
        "troubles": dict(scene.troubles),
        "lines": dict(watch.lines),
        "states": dict(watch.states),
        "labels_in_trouble": watch.labels_in_trouble,
        "age_ms": percentiles(watch.ages_ms),
        "memory": growth(watch.samples),
        "stopped_within_s": round(stopped_s, 3),
        "exit_code": process.returncode,
        "summary": summary.strip(),
        "samples": watch.samples,
        "environment": environment.describe(),
    }
    print(json.dumps({name: value for name, value in result.items() if name != "samples"}, indent=2))
    if arguments.output:
        atomic.write_json(arguments.output, result)
        plot(watch, arguments.output.with_suffix(".png"))


@dataclass
class Scene:
    """What the camera shows now.

    Attributes:
        trouble: The one that it's in; empty if none.
        troubles: How often each came.
    """

    trouble: str = ""
    troubles: Counter[str] = field(default_factory=Counter)
    pictures: list[bytes] = field(default_factory=lambda: [picture(seed) for seed in range(15)])
    small: list[bytes] = field(default_factory=lambda: [picture(seed, (320, 240)) for seed in range(15)])
    black: bytes = field(default_factory=lambda: encoded(np.zeros((480, 640, 3), np.uint8)))

    def begin(self, trouble: str) -> None:
        """From now on."""
        self.trouble = trouble
        self.troubles[trouble] += 1

    def play(self, client: HttpClient) -> None:
        """One connection."""
        client.receive_request()
        client.send_header()
        for number in cycle(range(15)):
            trouble = self.trouble
            if trouble == "silent":
                client.pause(0.5)
                continue
            if trouble == "cut":
                client.send_picture(self.pictures[number], sent_bytes=5000)
                client.pause(0.5)
                return
            client.send_picture(self._picture(trouble, number))
            client.pause(1 / RATE_HZ)

    def _picture(self, trouble: str, number: int) -> bytes:
        if trouble == "black":
            return self.black
        if trouble == "frozen":
            return self.pictures[0]
        return (self.small if trouble == "resized" else self.pictures)[number]


@dataclass
class Watch:
    """What was seen from outside.

    Attributes:
        lines: How many of each kind.
        states: How often each was told.
        ages_ms: Of labels.
        inference_ms: What the network took for each.
        labels_in_trouble: Labels on lines whose state isn't live; must be none.
        samples: Memory, open files and processes over time.
    """

    lines: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    ages_ms: list[float] = field(default_factory=list)
    inference_ms: list[float] = field(default_factory=list)
    labels_in_trouble: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)

    def read(self, process: subprocess.Popen[str]) -> None:
        """Read all lines."""
        for line in process.stdout or ():
            record = json.loads(line)
            self.lines[record["kind"]] += 1
            if record["kind"] == "state":
                self.states[record["state"]] += 1
            if record["label"] is not None:
                self.ages_ms.append(record["age_ms"])
                self.inference_ms.append(record["latency_ms"]["inference"])
                self.labels_in_trouble += record["state"] != "live"

    def sample(self, process: psutil.Process, passed_s: float, trouble: str) -> None:
        """Look at the processes once."""
        children = process.children(recursive=True)
        self.samples.append(
            {
                "at_s": round(passed_s, 1),
                "trouble": trouble,
                "rss_mb": round(process.memory_info().rss / 2**20, 1),
                "capture_rss_mb": round(sum(resident(child) for child in children) / 2**20, 1),
                "open_files": process.num_fds(),
                "threads": process.num_threads(),
                "children": len(children),
                "labels": len(self.ages_ms),
            }
        )


def endure(process: subprocess.Popen[str], scene: Scene, watch: Watch, seconds: float, *, calm: bool) -> None:
    """Let time pass, with its troubles."""
    outside = psutil.Process(process.pid)
    began_s = time.monotonic()
    troubles = cycle(TROUBLES)
    next_trouble_s, trouble_ends_s = TROUBLE_EVERY_S, 0.0
    while (passed_s := time.monotonic() - began_s) < seconds and process.poll() is None:
        if passed_s >= next_trouble_s and not calm:
            next_trouble_s += TROUBLE_EVERY_S
            trouble_ends_s = passed_s + TROUBLE_LASTS_S
            scene.begin(next(troubles))
            if scene.trouble == "killed":
                for child in outside.children():
                    child.kill()
        elif scene.trouble and passed_s >= trouble_ends_s:
            scene.trouble = ""
        watch.sample(outside, passed_s, scene.trouble)
        time.sleep(SAMPLE_EVERY_S)


def resident(process: psutil.Process) -> int:
    """Its memory in bytes; 0 if it has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def growth(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """After the first minute: the first and the last quarter's medians."""
    settled = [one for one in samples if one["at_s"] >= WARM_UP_S] or samples
    quarter = max(1, len(settled) // 4)
    result: dict[str, Any] = {}
    for name in ("rss_mb", "capture_rss_mb", "open_files", "threads", "children"):
        first = float(np.median([one[name] for one in settled[:quarter]]))
        last = float(np.median([one[name] for one in settled[-quarter:]]))
        result[name] = {"first_quarter": first, "last_quarter": last}
    return result


def percentiles(ages_ms: list[float]) -> dict[str, float]:
    """p50, p99, the largest, and how many."""
    if not ages_ms:
        return {"count": 0}
    p50, p99 = np.percentile(ages_ms, [50, 99])
    return {"count": len(ages_ms), "p50": round(p50, 1), "p99": round(p99, 1), "max": round(max(ages_ms), 1)}


def picture(seed: int, size_wh: tuple[int, int] = (640, 480)) -> bytes:
    """Coloured tiles, others for each seed."""
    tiles = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return encoded(cv2.resize(tiles, size_wh, interpolation=cv2.INTER_LINEAR))


def encoded(frame_bgr: Any) -> bytes:
    """As JPEG."""
    return cv2.imencode(".jpg", frame_bgr)[1].tobytes()


def plot(watch: Watch, path: Path) -> None:
    """Memory and ages over time."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    minutes = [one["at_s"] / 60 for one in watch.samples]
    figure, (memory, ages) = plt.subplots(2, sharex=True, figsize=(9, 6), layout="constrained")
    for name, label in (("rss_mb", "tlx classify"), ("capture_rss_mb", "its capture")):
        memory.plot(minutes, [one[name] for one in watch.samples], label=label)
    memory.set_ylabel("resident memory, MB")
    memory.set_ylim(bottom=0)
    memory.legend()
    edges = [one["labels"] for one in watch.samples]
    parts = [watch.ages_ms[first:last] for first, last in pairwise(edges)]
    points = [(minute, part) for minute, part in zip(minutes[1:], parts, strict=False) if part]
    for percent in (50, 99):
        ages.plot([one for one, _ in points], [np.percentile(part, percent) for _, part in points], label=f"p{percent}")
    ages.set_ylabel("age of labels, ms")
    ages.set_xlabel("minutes")
    ages.set_ylim(bottom=0)
    ages.legend()
    for one in watch.samples:
        if one["trouble"]:
            for axes in (memory, ages):
                axes.axvspan(one["at_s"] / 60, (one["at_s"] + SAMPLE_EVERY_S) / 60, color="0.9", zorder=0, lw=0)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
