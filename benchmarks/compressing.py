"""A compressed run beside the original, its engines, and the networks that one would take for speed: one `tlx bench`.

    python benchmarks/compressing.py ../shared/data/cats_dogs --run latest
    python benchmarks/compressing.py ../shared/data/cats_dogs --run latest --compressed RUN --models models

Without ``--compressed`` it runs ``tlx compress`` first (some 35 minutes). Exports what isn't in ``--models`` yet: the
original and the compressed run at fp32 and int8 with all gates, and MobileNetV2 at 150 and 224 pixels and
MobileNetV3-Small at 224 with random weights, whose answers mean nothing and whose times are those of trained ones.
Then all of them and Keras have turns in one bench, one picture a call. Accuracy is that on all validation photos.
Prints one JSON object; ``--output FILE`` also writes it.
"""

# Not called compression: Python's own module of that name is looked for by libraries, and this folder is on their path.
from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from suite.material import TLX, WHOLE
from suite.output import deliver
from tlx import atomic
from tlx.bench.typed_command import typed_command
from tlx.core.runs import open_run
from tlx.export.frameworks import import_keras

MOBILE: Final = {
    "mobilenetv2-150": ("MobileNetV2", 150),
    "mobilenetv2-224": ("MobileNetV2", 224),
    "mobilenetv3small-224": ("MobileNetV3Small", 224),
}
NETWORKS: Final = ("original", "compressed")
PRECISIONS: Final = ("fp32", "int8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with train/ and validation/")
    parser.add_argument("--run", default="latest", help="the original")
    parser.add_argument("--compressed", help="a run that tlx compress made of it (default: make it)")
    parser.add_argument("--speedup", default="12")
    parser.add_argument("--minutes", default="26", help="for recovery")
    parser.add_argument("--runs", type=Path, help="where that is written (default: a temporary folder)")
    parser.add_argument("--models", type=Path, help="folder for the model files (default: a temporary one)")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--max-seconds", default="300")
    parser.add_argument("--limit", default="50")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tlx-compression-") as temporary:
        result = measure(arguments, Path(temporary))
    deliver(result, arguments.output)


def measure(arguments: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Everything, in its order."""
    original = open_run(arguments.run)
    made = arguments.compressed or compress(original.folder, arguments, work)
    compressed = open_run(made)
    models = arguments.models or work / "models"
    atomic.make_folder(models)
    validation = arguments.data / "validation"
    exported = {
        f"{name}-{precision}": export(run.folder, precision, models / f"{name}-{precision}.onnx")
        for name, run in zip(NETWORKS, (original, compressed), strict=True)
        for precision in PRECISIONS
    }
    for name in MOBILE:
        export_mobile(name, models, work, arguments.data)
    accuracy = {name: evaluate(models / f"{name}.onnx", validation) for name in exported}
    files = [models / f"{name}.onnx" for name in (*exported, *MOBILE)]
    document = work / "bench.json"
    bench = [
        *(*TLX, "bench", *map(str, files), "--keras", str(original.folder), "--photos", str(validation)),
        *("--threads", arguments.threads, "--limit", arguments.limit, "--max-seconds", arguments.max_seconds),
        *("--measure", "stages,memory", "--output", str(document)),
    ]
    run(bench, allowed=WHOLE)
    # Files that are gone afterwards need no place.
    measured: dict[str, Any] = json.loads(document.read_text().replace(f"{work}/", ""))
    return measured | {
        "benchmark": "compression",
        "command": typed_command(["python", *sys.argv]),
        "compression": compressed.record.compression.model_dump(mode="json") if compressed.record.compression else None,
        "seconds": compressed.record.result.seconds,
        "exports": exported,
        "accuracy": accuracy,
    }


def compress(folder: Path, arguments: argparse.Namespace, work: Path) -> str:
    """Run ``tlx compress``; the new run's folder."""
    words = ["--speedup", arguments.speedup, "--minutes", arguments.minutes, "--threads", arguments.threads]
    runs = str(arguments.runs or work / "runs")
    # 1: slower than asked for, and what it's measured for is how fast it is.
    done = run([*TLX, "compress", str(folder), *words, "--runs", runs, "--format", "json"], allowed=(0, 1))
    return str(json.loads(done)["run"])


def export(folder: Path, precision: str, output: Path) -> dict[str, Any]:
    """A run's file with all gates, if it isn't there yet."""
    if output.is_file():
        return {"bytes": output.stat().st_size}
    started_s = time.monotonic()
    words = ["--run", str(folder), "--precision", precision, "--format", "json", "--quiet"]
    found = json.loads(run([*TLX, "export", str(output), *words]))
    seconds = time.monotonic() - started_s
    return {"bytes": output.stat().st_size, "seconds": round(seconds, 1), "tried": found["tried"]}


def export_mobile(name: str, models: Path, work: Path, data: Path) -> None:
    """A MobileNet with random weights, if it isn't there yet."""
    output = models / f"{name}.onnx"
    if output.is_file():
        return
    keras = import_keras()
    kind, size = MOBILE[name]
    more = {"include_preprocessing": False} if "V3" in kind else {}
    network = getattr(keras.applications, kind)(input_shape=(size, size, 3), weights=None, classes=2, **more)
    network.save(work / f"{name}.keras")
    # Photos without labels: nobody says that random weights are right.
    photos = next(path for path in sorted((data / "validation").iterdir()) if path.is_dir())
    words = ["--keras", str(work / f"{name}.keras"), "--labels", "cats,dogs", "--preprocess", "signed"]
    run([*TLX, "export", str(output), *words, "--resize", "area", "--photos", str(photos), "--parity-photos", "20"])


def evaluate(model: Path, photos: Path) -> dict[str, Any]:
    """Right answers on all photos of a folder."""
    found = json.loads(run([*TLX, "evaluate", str(model), str(photos), "--format", "json", "--quiet"]))
    return {"accuracy": found["accuracy"], "photos": found["n"]}


def run(command: Sequence[str], allowed: Collection[int] = (0,)) -> str:
    """What a command prints.

    Raises:
        SystemExit: If it fails.
    """
    print(shlex.join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in allowed:
        raise SystemExit(f"{command[3]} ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
