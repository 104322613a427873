"""Hostile files into the loaders for some time; nothing but a model or a TlxError may come out.

    python -m tests.fuzz.fuzzing --minutes 10     (or: make fuzz)

A crash, a hang, another exception, or memory beyond a limit is a finding: its file is kept under ``fuzz-findings/``.
"""

from __future__ import annotations

import argparse
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.mutations import hostile_file

HANG_S = 20.0
_HOUSE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Finding:
    """What must not happen, and the file that did it."""

    seed: int
    what: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Result:
    """What came of a time of fuzzing.

    Attributes:
        outcomes: How many files were loaded (``ok``) and how many ``refused``.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def fuzz(good: Sequence[Path], *, seconds: float, seed: int = 0, most_findings: int = 10) -> Result:
    """Try hostile files, the next seed after the other, for some seconds.

    Args:
        good: Whole model files to start from.
        seconds: How long.
        seed: Which file comes first.
        most_findings: After as many it's enough.
    """
    result = Result()
    contents = [path.read_bytes() for path in good]
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and len(result.findings) < most_findings:
        last, what = _run_worker(good, seed, until_s, result)
        if what:
            result.findings.append(Finding(last, what, hostile_file(last, contents)))
        seed = last + 1
    return result


def _run_worker(good: Sequence[Path], seed: int, until_s: float, result: Result) -> tuple[int, str]:
    """One process until the time is over (no finding) or something happened; the last seed, and what."""
    command = [sys.executable, "-m", "tests.fuzz.worker", str(seed), *map(str, good)]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, cwd=_HOUSE, stdout=subprocess.PIPE, stderr=complaints, bufsize=0)
        assert process.stdout is not None
        words, what, started_s = b"", "", time.monotonic()
        with process.stdout as output, selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while time.monotonic() < until_s:
                if selector.select(0.5):
                    piece = output.read(65536)
                    if not piece:
                        break
                    words += piece
                    started_s = time.monotonic()
                elif time.monotonic() - started_s > HANG_S:
                    what = f"hangs for more than {HANG_S:g} s"
                    break
            else:
                process.kill()
                process.wait()
                return _count(words, seed, result), ""
        process.kill() if what else None
        status = process.wait()
        complaints.seek(0)
        last_line = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
        return _count(words, seed, result), what or f"ended with status {status}: {last_line}"


def _count(words: bytes, seed: int, result: Result) -> int:
    told = words.decode().split()
    result.outcomes.update(word for word in told if not word.isdecimal())
    return max((int(word) for word in told if word.isdecimal()), default=seed)


def main() -> int:
    """The long run; exit status 1 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()) * 1000)
    options = parser.parse_args()
    from tests.fuzz.good_files import write_good_files

    with tempfile.TemporaryDirectory() as folder:
        good = write_good_files(Path(folder))
        result = fuzz(good, seconds=options.minutes * 60, seed=options.seed)
    sys.stdout.write(f"from seed {options.seed}: {dict(result.outcomes)}, {len(result.findings)} findings\n")
    for finding in result.findings:
        kept = Path("fuzz-findings") / f"{finding.seed}.onnx"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(finding.content)
        sys.stdout.write(f"{kept}: {finding.what}\n")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
