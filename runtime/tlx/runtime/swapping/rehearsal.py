"""A new model's first hour, in a process of its own: it is loaded and must give the contract's known answers.

A model that crashes, hangs or takes all memory takes this process with it and not the loop; and this is where most of
the work is done, at the lowest priority.

Run as ``python -m tlx.runtime.swapping.rehearsal MODEL DEVICE``, it prints a JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from tlx.errors import TlxError
from tlx.runtime.devices.names import Device

TIMEOUT_S: Final = 600.0
"""Much, because everything else on the machine goes before it."""
_LOWEST_PRIORITY: Final = 19
_STOP_CHECK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What became of it.

    Attributes:
        sha256: The seal of the file that was read; None if it wasn't whole.
        problem: Why it can't be used, on one line; None if it can.
    """

    sha256: str | None
    problem: str | None


def rehearse(path: Path, device: Device, stopped: threading.Event) -> Rehearsed:
    """Load and prove a model file in a child process.

    Args:
        path: The file.
        device: As the loop runs it.
        stopped: Ends the wait, and the child.
    """
    # -P: no module of the working folder takes a library's place.
    command = [sys.executable, "-P", "-m", __name__, str(path.absolute()), device]
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError as error:
        return Rehearsed(None, f"{path}: no process could be started to try it ({error})")
    with child:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not stopped.is_set() and time.monotonic() < deadline_s:
            try:
                stdout, _ = child.communicate(timeout=_STOP_CHECK_S)
            except subprocess.TimeoutExpired:
                continue
            return judge(path, stdout, child.returncode)
        child.kill()
    return Rehearsed(None, f"{path}: it wasn't ready within {TIMEOUT_S:.0f} s")


def judge(path: Path, stdout: str, status: int) -> Rehearsed:
    """Make sense of what the child wrote, and of how it ended."""
    try:
        answer = json.loads(stdout)
    except ValueError:
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
        return Rehearsed(None, f"{path}: the process that tried it crashed ({how})")
    return Rehearsed(answer["sha256"], answer["problem"])


def _try(path: str, device: Device) -> Rehearsed:
    from tlx.runtime.classifier import Classifier
    from tlx.runtime.proof import prove_known_answers

    sha256 = None
    try:
        classifier = Classifier.load(path, device, threads=1)
        sha256 = classifier.sha256
        prove_known_answers(classifier)
    except TlxError as error:
        return Rehearsed(sha256, str(error))
    return Rehearsed(sha256, None)


def _main(path: str, device: Device) -> None:
    # Ctrl-C goes to the whole process group; whoever started this decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_LOWEST_PRIORITY)
    done = _try(path, device)
    print(json.dumps({"sha256": done.sha256, "problem": done.problem}))  # noqa: T201 - the answer to the parent


if __name__ == "__main__":
    _main(sys.argv[1], cast("Device", sys.argv[2]))
