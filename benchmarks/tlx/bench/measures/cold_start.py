"""Cold start: from the start of a process to its first label.

ONNX Runtime is started as its user starts it, by ``tlx classify``, without TensorFlow; Keras by a program of its own,
``keras_first_label.py``, without tlx; any other engine by :mod:`tlx.bench.measures.first_label`. The files lie in the
system's cache by then: it's the start of a process, not of a machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from tlx.errors import EngineError
from tlx.runtime.timing.protocol import ONNX_KIND, Setup, encode

TIMEOUT_S: Final = 300.0
_CHUNK_BYTES: Final = 1 << 12
_KERAS: Final = "keras."
_KERAS_PROGRAM: Final = Path(__file__).with_name("keras_first_label.py")
_TLX: Final = "from tlx.cli.app import main; main()"


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds from the start of a process to its first label.

    Attributes:
        p50_s: The median.
        runs: How many starts.
    """

    p50_s: float
    min_s: float
    max_s: float
    runs: int

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "p50_s": round(self.p50_s, 4),
            "min_s": round(self.min_s, 4),
            "max_s": round(self.max_s, 4),
            "runs": self.runs,
        }


def summarize_starts(seconds: Sequence[float]) -> ColdStart | None:
    """The figures of some starts; None if there is none."""
    if not seconds:
        return None
    return ColdStart(statistics.median(seconds), min(seconds), max(seconds), len(seconds))


def command_for(setup: Setup, photo: Path, python: str = sys.executable) -> list[str]:
    """What is started.

    Args:
        setup: The first message to the engine's worker; its photos and its batch don't count here.
        photo: The one to be classified.
        python: The interpreter of the engine's environment.
    """
    if setup.kind == ONNX_KIND:
        options = ["--device", setup.device, "--threads", str(setup.threads), "--format", "json", "--quiet"]
        # -P: a file of the current folder must not take the place of a module.
        return [python, "-P", "-c", _TLX, "classify", setup.model, str(photo), *options]
    if setup.kind.startswith(_KERAS):
        settings = {name: getattr(setup, name) for name in ("kind", "model", "size_hw", "resize", "threads", "device")}
        return [python, "-P", str(_KERAS_PROGRAM), json.dumps({**settings, "photo": str(photo)})]
    message = encode(replace(setup, photos=[str(photo)], batch=1)).decode().strip()
    return [python, "-P", "-m", "tlx.bench.measures.first_label", message]


def first_label_s(command: Sequence[str], cpus: Sequence[int], timeout_s: float = TIMEOUT_S) -> float:
    """Start a process, wait for its first line, end it.

    Args:
        command: Its words; its first line on stdout must be a JSON object with a ``label``.
        cpus: The processors that it may run on; empty for all.
        timeout_s: How long it may take.

    Returns:
        Seconds from just before its start to the end of its first line.

    Raises:
        EngineError: If it ends or hangs without a label.
    """
    with tempfile.TemporaryFile() as noise:
        with _on_processors(cpus):
            started_s = time.perf_counter()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=noise)
        assert process.stdout is not None
        try:
            line = _first_line(process.stdout, started_s + timeout_s)
            elapsed_s = time.perf_counter() - started_s
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if not _is_label(line):
            noise.seek(0)
            words = [line, *noise.read().decode(errors="replace").splitlines()]
            last = next((word.strip() for word in reversed(words) if word.strip()), "it said nothing")
            raise EngineError(f"expected a label within {timeout_s:g} s of the start, received: {last}")
    return elapsed_s


def _first_line(stream: IO[bytes], deadline_s: float) -> str:
    """The first line, or what there is of it when the stream ends or the time is over."""
    content = b""
    while b"\n" not in content:
        left_s = max(0.0, deadline_s - time.perf_counter())
        if not select.select([stream], [], [], left_s)[0]:
            break
        chunk = os.read(stream.fileno(), _CHUNK_BYTES)
        if not chunk:
            break
        content += chunk
    return content.partition(b"\n")[0].decode(errors="replace")


def _is_label(line: str) -> bool:
    try:
        return json.loads(line).get("label") is not None
    except (ValueError, AttributeError):
        return False


@contextlib.contextmanager
def _on_processors(cpus: Sequence[int]) -> Iterator[None]:
    """Let what this thread starts run on some processors only."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
