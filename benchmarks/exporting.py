"""How long a whole `tlx export` takes, with all gates, at each precision, and how large the files are.

    python benchmarks/exporting.py RUN --folder models --precisions fp32 int8

Each runs as a user would run it, in a process of its own. The files stay in the folder, as ``fp32.onnx`` and so on. A
precision that a gate refuses is a line with the reason. Prints one JSON object; ``--output FILE`` also writes it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from suite.output import deliver
from tlx import atomic
from tlx.runtime import environment

GATE_SAID_NO: Final = 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", help="a run's folder")
    parser.add_argument("--folder", type=Path, required=True, help="where the files go")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "int8"], choices=["fp32", "int8", "fp16"])
    parser.add_argument("--parity-photos", type=int, default=500)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    atomic.make_folder(arguments.folder)
    words = ["--run", arguments.run, "--parity-photos", str(arguments.parity_photos)]
    result = export_all(words, arguments.folder, arguments.precisions) | {"environment": environment.describe()}
    deliver(result, arguments.output)


def export_all(words: Sequence[str], folder: Path, precisions: Sequence[str]) -> dict[str, Any]:
    """Export once for each precision."""
    files, refused = {}, {}
    for precision in precisions:
        path = folder / f"{precision}.onnx"
        command = [sys.executable, "-m", "tlx.cli.app", "export", str(path), *words]
        started_s = time.monotonic()
        done = subprocess.run(
            [*command, "--precision", precision, "--format", "json", "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - started_s
        if done.returncode == 0:
            found = json.loads(done.stdout)
            files[precision] = {
                "seconds": seconds,
                "bytes": path.stat().st_size,
                "precision": found["precision"],
                "tried": found["tried"],
            }
        elif done.returncode == GATE_SAID_NO:
            refused[precision] = " ".join(done.stderr.split())
        else:
            raise SystemExit(f"tlx export ended with {done.returncode}: {done.stderr.strip()}")
    return {"benchmark": "export", "files": files, "refused": refused}


if __name__ == "__main__":
    main()
