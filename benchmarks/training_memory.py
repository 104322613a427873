"""The most memory that `tlx train` takes with many photos: made from few, as copies that differ by a comment inside.

The whole command runs as a process, with a head phase and a fine-tuning one (block5, two augmented views); memory is
what the kernel says of that process:

    python benchmarks/training_memory.py ../shared/data/cats_dogs --photos 20000 --size 64

Photos and views that were taken must not stay in memory, so what may grow with their number are names, hashes and
indexes alone. Weights are random, since memory doesn't depend on them. Prints one JSON object; ``--output FILE``
also writes it. The aim is a peak below 4 GiB.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from suite.output import deliver
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe_file import to_toml
from tlx.runtime import environment

LIMIT_MIB: Final = 4096
SAMPLING_S: Final = 0.2
SHOWN_SAMPLES: Final = 24
_START_OF_JPEG: Final = b"\xff\xd8"
_COMMENT: Final = b"\xff\xfe"


@dataclass(slots=True)
class Memory:
    """Resident memory of a process over time, in MiB."""

    resident: list[float] = field(default_factory=list)
    anonymous: list[float] = field(default_factory=list)

    def sample(self, process_id: int) -> None:
        """Look once; a process that has just ended gives nothing."""
        try:
            lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
        except OSError:
            return
        values = {name: value for name, _, value in (line.partition(":") for line in lines)}
        if "VmRSS" in values:
            self.resident.append(int(values["VmRSS"].split()[0]) / 1024)
            self.anonymous.append(int(values["RssAnon"].split()[0]) / 1024)

    def course(self) -> list[int]:
        """The peak of each of so many equal stretches of time."""
        count = len(self.resident)
        edges = [place * count // SHOWN_SAMPLES for place in range(SHOWN_SAMPLES + 1)]
        return [round(max(self.resident[a:b])) for a, b in itertools.pairwise(edges) if b > a]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder of JPEG photos in folders named after their classes")
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_photos(arguments.data, Path(folder) / "photos", arguments.photos)
        result = measure(Path(folder), arguments.photos, arguments.size)
    deliver(result, arguments.output)


def make_photos(data: Path, folder: Path, count: int) -> None:
    """Copy photos again and again, each with a comment of its own, into ``folder/<label>/``."""
    paths = sorted(path for path in data.rglob("*.jpg") if "test" not in path.relative_to(data).parts)
    random.Random(0).shuffle(paths)  # so that few photos are of all classes, too
    for number in range(count):
        source = paths[number % len(paths)]
        content = source.read_bytes()
        if not content.startswith(_START_OF_JPEG):
            raise SystemExit(f"{source}: expected a JPEG file")
        text = str(number).encode()
        comment = _COMMENT + (len(text) + 2).to_bytes(2, "big") + text
        target = folder / source.parent.name / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_START_OF_JPEG + comment + content[len(_START_OF_JPEG) :])


def measure(folder: Path, photos: int, size: int) -> dict[str, Any]:
    """Train once, watched."""
    preset = find_preset("default")
    head, tuning = (replace(phase, epochs=1, warmup_epochs=0.0) for phase in preset.phases)
    recipe = replace(
        preset,
        # Random weights on pixels up to 255 would give a loss that isn't a number.
        preprocessing="rescale",
        size_hw=(size, size),
        phases=(replace(head, views=1), replace(tuning, epochs=2, views=2)),
    )
    (folder / "recipe.toml").write_text(to_toml(recipe))
    command = [sys.executable, "-m", "tlx.cli.app", "train", str(folder / "photos"), "--weights", "none"]
    command += ["--config", str(folder / "recipe.toml"), "--runs", str(folder / "runs")]
    memory = Memory()
    started_s = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"TLX_CACHE": str(folder / "cache")}
        )
        ended = 0
        while not ended:
            memory.sample(process.pid)
            time.sleep(SAMPLING_S)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    if status:
        raise SystemExit((folder / "log").read_text())
    peak_mib = usage.ru_maxrss / 1024
    return {
        "benchmark": "training_memory",
        "photos": photos,
        "size_hw": recipe.size_hw,
        "cut_layer": recipe.cut_layer,
        "peak_mib": round(peak_mib),
        "limit_mib": LIMIT_MIB,
        "aim_met": peak_mib < LIMIT_MIB,
        "highest_sample_mib": {"resident": round(max(memory.resident)), "anonymous": round(max(memory.anonymous))},
        "course_mib": memory.course(),
        "cache_mb": round(sum(path.stat().st_size for path in (folder / "cache").rglob("*.npy")) / 1e6),
        "seconds": round(time.perf_counter() - started_s, 1),
        "environment": environment.describe(),
    }


if __name__ == "__main__":
    main()
