"""A new model's trial, in a process of its own: it is checked, loaded, and must give the contract's known answers.

A model that crashes, hangs or takes all memory takes this process with it and not the loop; and this is where most of
the work is done, at the lowest priority.

Run as ``python -m tlx.runtime.swapping.rehearsal MODEL NAME DEVICE``, it prints a JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

from tlx.contract import CONTRACT_KEY
from tlx.errors import TlxError
from tlx.runtime.devices.names import Device
from tlx.runtime.swapping.snapshot import Snapshot

TIMEOUT_S: Final = 600.0
"""Much, because everything else on the machine goes before it."""
_LOWEST_PRIORITY: Final = 19
_STOP_CHECK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What became of it.

    Attributes:
        sha256: The file's seal; None if it isn't whole.
        contract: The text of its contract; None if it isn't whole.
        problem: Why it can't be used, on one line; None if it can.
    """

    sha256: str | None
    contract: str | None
    problem: str | None


def rehearse(snapshot: Snapshot, source: str, device: Device, stopped: threading.Event) -> Rehearsed:
    """Check, load and prove a model in a child process.

    Args:
        snapshot: The model.
        source: Its file's name, for messages.
        device: As the loop runs it.
        stopped: Ends the wait, and the child.
    """
    # -P: no module of the working folder takes a library's place.
    command = [sys.executable, "-P", "-m", __name__, str(snapshot.path), source, device]
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=[snapshot.descriptor],
        )
    except OSError as error:
        return _no(f"{source}: no process could be started to try it ({error})")
    with child:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not stopped.is_set() and time.monotonic() < deadline_s:
            try:
                stdout, _ = child.communicate(timeout=_STOP_CHECK_S)
            except subprocess.TimeoutExpired:
                continue
            return judge(source, stdout, child.returncode)
        child.kill()
    return _no(f"{source}: it wasn't ready within {TIMEOUT_S:.0f} s")


def judge(source: str, stdout: str, status: int) -> Rehearsed:
    """Make sense of what the child wrote, and of how it ended."""
    try:
        answer = json.loads(stdout)
    except ValueError:
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
        return _no(f"{source}: the process that tried it crashed ({how})")
    return Rehearsed(answer["sha256"], answer["contract"], answer["problem"])


def _no(problem: str) -> Rehearsed:
    return Rehearsed(None, None, problem)


def _try(path: Path, source: str, device: Device) -> Rehearsed:
    from tlx.runtime.classifier import Classifier
    from tlx.runtime.model_file import ModelFile
    from tlx.runtime.proof import prove_known_answers
    from tlx.runtime.session import Tuning, open_session

    sha256 = contract = None
    try:
        file = ModelFile.parse(path.read_bytes(), source)
        sha256, contract = file.sha256, file.metadata[CONTRACT_KEY]
        tuning = Tuning(file.contract.precision)
        prove_known_answers(Classifier(file, open_session(path, source, device=device, threads=1, tuning=tuning)))
    except TlxError as error:
        return Rehearsed(sha256, contract, str(error))
    return Rehearsed(sha256, contract, None)


def _main(path: str, source: str, device: Device) -> None:
    # Ctrl-C goes to the whole process group; whoever started this decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_LOWEST_PRIORITY)
    done = _try(Path(path), source, device)
    print(json.dumps(asdict(done)))  # noqa: T201 - the answer to the parent


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], cast("Device", sys.argv[3]))
