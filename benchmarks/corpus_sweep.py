"""Odd files through the real command: no crash, no hang, one line for each, and how much memory that takes.

    python benchmarks/corpus_sweep.py model.onnx --files 2000 --entries 100000

Makes the files in a temporary folder (``--seed`` names which), runs ``tlx classify --format json`` on it, and checks
the exit code, the lines and the peak memory of the process. Then the same for a folder of many entries, hard links to
one small photo. Prints one JSON object; the exit code is 1 if anything was not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from odd_files import pictures, write_odd_files
from suite.output import deliver
from tlx.runtime import environment

_MAX_MEMORY = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came of one folder.

    Attributes:
        files: How many are there.
        lines: How many results came.
        failed: How many of them are errors.
        seconds: From the start of the process to its end.
        peak_bytes: The largest resident memory of the process.
        problems: What was not as it should be.
    """

    files: int
    lines: int
    failed: int
    seconds: float
    peak_bytes: int
    problems: tuple[str, ...]


def sweep(model: Path, folder: Path, files: int, *, timeout_s: float = 600) -> Sweep:
    """Classify a folder by the real command."""
    command = [sys.executable, "-m", "tlx.cli.app", "classify", str(model), str(folder), "--format", "json"]
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        timed_out, status, peak_bytes = _wait(process, began_s + timeout_s)
        seconds = time.monotonic() - began_s
        out.seek(0)
        errors.seek(0)
        lines, notes = out.read().splitlines(), errors.read()
    problems = [] if not timed_out else [f"hangs for more than {timeout_s:.0f} s"]
    records = []
    for line in lines:
        try:
            records.append(json.loads(line))
        except ValueError:
            problems.append(f"no JSON: {line[:100]!r}")
    problems += _judge(records, files, status, peak_bytes)
    if b"Traceback" in notes or b"internal error" in notes:
        problems.append(f"stderr: {notes[-500:].decode(errors='replace')}")
    failed = sum(record["error"] is not None for record in records)
    return Sweep(files, len(lines), failed, round(seconds, 2), peak_bytes, tuple(problems))


def _judge(records: list[dict[str, object]], files: int, status: int, peak_bytes: int) -> list[str]:
    """What is wrong with the results of a folder in which at least one photo is whole."""
    problems = []
    if status != 0:
        problems.append(f"exit code {status}")
    if len(records) != files or len({str(record["source"]) for record in records}) != files:
        problems.append(f"{len(records)} lines for {files} files")
    if peak_bytes > _MAX_MEMORY:
        problems.append(f"{peak_bytes / 2**20:.0f} MiB of memory")
    problems += [
        f"{record['source']!r} has a label and an error, or neither"
        for record in records
        if (record["label"] is None) == (record["error"] is None)
    ]
    return problems


def _wait(process: subprocess.Popen[bytes], deadline_s: float) -> tuple[bool, int, int]:
    """Wait for a process.

    Returns:
        Whether it had to be killed, its exit code, and its peak resident memory in bytes.
    """
    timed_out, peak_bytes = False, 0
    while True:
        peak_bytes = max(peak_bytes, _peak_bytes(process.pid))
        pid, status, _ = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline_s and not timed_out:
            timed_out = True
            process.kill()
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    return timed_out, process.returncode, peak_bytes


def _peak_bytes(pid: int) -> int:
    """So far; 0 where the system doesn't say. Not from its resource usage: that begins with what its parent used."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    peak = re.search(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
    return int(peak[1]) * 1024 if peak else 0


def write_many(folder: Path, entries: int) -> None:
    """A folder of hard links to one tiny photo."""
    folder.mkdir()
    first = folder / "0.png"
    first.write_bytes(pictures(1)[".png"])
    for number in range(1, entries):
        # File systems end at some number of links to one file.
        if number % 30_000 == 0:
            first = folder / f"{number}.png"
            first.write_bytes(pictures(1)[".png"])
        else:
            os.link(first, folder / f"{number}.png")


def list_many(folder: Path) -> dict[str, float]:
    """How long listing a folder takes, and what memory, in a process of its own."""
    code = (
        "import resource, sys, time; from tlx.runtime.sources.words import open_sources;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; began = time.perf_counter();"
        "(source,) = open_sources(sys.argv[1:]); seconds = time.perf_counter() - began;"
        "print(len(source.paths), seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    count, seconds, mebibytes = done.stdout.split()
    return {"entries": int(count), "seconds": round(float(seconds), 2), "more_memory_mib": round(float(mebibytes), 1)}


def main() -> int:
    """Sweep and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="make the files here and leave them")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tlx-sweep-") as temporary:
        folder = arguments.keep or Path(temporary)
        files = write_odd_files(folder / "odd", arguments.files, arguments.seed)
        sweeps = {"odd files": asdict(sweep(arguments.model, folder / "odd", files))}
        result: dict[str, object] = {"sweeps": sweeps}
        if arguments.entries:
            write_many(folder / "many", arguments.entries)
            result["listing"] = list_many(folder / "many")
            sweeps["many entries"] = asdict(sweep(arguments.model, folder / "many", arguments.entries))
    result |= {"seed": arguments.seed, "environment": environment.describe()}
    deliver(result, arguments.output)
    return int(any(one["problems"] for one in sweeps.values()))


if __name__ == "__main__":
    sys.exit(main())
