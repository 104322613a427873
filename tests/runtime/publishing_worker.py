"""Kills publications at many points: each in a forked process of its own, at one of its statements.

Run as ``python publishing_worker.py FOLDER OLD.onnx NEW.onnx``. It imports nothing that starts threads, so that it may
fork. Prints, for each kind of change, how many were killed and what readers found afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tlx.errors import InputError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish, roll_back, scratch
from tlx.runtime.model_registry import current_version, model_path
from tlx.runtime.registry_history import read_history, trail

Change = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One kind of change: what is there before, what is killed, what finishes it, and what must be current then."""

    before: list[Change]
    change: Change
    finish: Change
    final: str
    points: int


def kill_at(line: int) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that ends this process before it runs the so many-th line of tlx; 0 counts only."""
    seen = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if event == "call":
            return trace if "/tlx/" in frame.f_code.co_filename else None
        if event == "line":
            seen += 1
            counted[0] = seen
            if seen == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


counted = [0]


def in_a_fork(change: Change, registry: Path, line: int) -> tuple[int, int]:
    """Run a change in a process of its own, killed at a line; gives its wait status and how many lines it ran."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        run_and_exit(change, registry, line, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    return os.waitpid(child, 0)[1], int(text or 0)


def run_and_exit(change: Change, registry: Path, line: int, writer: int) -> NoReturn:
    status = 1
    try:
        sys.settrace(kill_at(line))
        change(registry)
        sys.settrace(None)
        os.write(writer, str(counted[0]).encode())
        status = 0
    finally:
        os._exit(status)


def look(registry: Path, allowed: set[str | None]) -> str | None:
    """What a reader finds: a whole model that is one of those allowed."""
    name = current_version(registry) if registry.exists() else None
    if name is not None:
        assert ModelFile.read(registry).sha256 == name
        assert trail(read_history(registry), name)[-1] == name
    assert name in allowed, f"{name} is current, expected one of {allowed}"
    return name


def run_case(case: Case, folder: Path) -> dict[str, int]:
    template = folder / "template"
    for change in case.before:
        change(template)
    at_first = current_version(template) if template.exists() else None

    def fresh(name: str) -> Path:
        if template.exists():
            shutil.copytree(template, folder / name, symlinks=True)
        return folder / name

    status, lines = in_a_fork(case.change, fresh("undisturbed"), 0)
    assert status == 0
    found: Counter[str] = Counter()
    for point in range(case.points):
        registry = fresh(str(point))
        status, _ = in_a_fork(case.change, registry, 1 + point * (lines - 1) // (case.points - 1))
        assert os.WIFSIGNALED(status), f"not killed: {status}"
        assert os.WTERMSIG(status) == signal.SIGKILL
        found["old" if look(registry, {at_first, case.final}) == at_first else "new"] += 1
        case.finish(registry)
        look(registry, {case.final})
        left = [str(path) for path in registry.rglob(".*")]
        assert left == [], left
        shutil.rmtree(registry)
    return {"lines": lines, "killed": found.total(), **found}


def main(folder: Path, old: ModelFile, new: ModelFile) -> None:
    def publish_old(registry: Path) -> None:
        publish(registry, old)

    def publish_new(registry: Path) -> None:
        publish(registry, new)

    def export_new(registry: Path) -> None:
        with scratch(registry) as file:
            file.write_bytes(new.content)
            publish(registry, ModelFile.read(file))

    def damage_new(registry: Path) -> None:
        model_path(registry, new.sha256).write_bytes(new.content[:-9])

    def roll_back_if_it_can(registry: Path) -> None:
        with contextlib.suppress(InputError):
            roll_back(registry)
        publish(registry, old)  # cleans up even where there was nothing to roll back to

    both: list[Change] = [publish_old, publish_new]
    cases = {
        "first": Case([], publish_new, publish_new, new.sha256, 20),
        "second": Case([publish_old], export_new, publish_new, new.sha256, 40),
        "repair": Case([*both, roll_back, damage_new], publish_new, publish_new, new.sha256, 20),
        "rollback": Case(both, roll_back, roll_back_if_it_can, old.sha256, 20),
    }
    results = {}
    for name, case in cases.items():
        (folder / name).mkdir()
        results[name] = run_case(case, folder / name)
    print(json.dumps(results))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(ModelFile.read(name) for name in sys.argv[2:4]))
