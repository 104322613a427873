"""The peers' environments: made once by pip, kept in tlx's cache folder (``peers/``); delete them to undo it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.cache import cache_folder
from tlx.errors import MissingDependencyError
from tlx.runtime.timing.process import Interpreter

_HERE: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = (_HERE.with_name("runtime"), _HERE)
"""What a peer's worker imports beside its own packages: the bench's protocol, and the peers."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment.

    Attributes:
        requirements: For pip; pinned, so that a result says what it is of.
        with_dependencies: False takes the packages themselves and nothing else.
    """

    requirements: tuple[str, ...]
    with_dependencies: bool = True

    @property
    def folder(self) -> Path:
        """Where it is, or will be: another set of packages or another Python is another folder."""
        content = json.dumps([sys.version, sys.prefix, self.requirements, self.with_dependencies])
        name = self.requirements[0].partition("=")[0].lower()
        return cache_folder() / "peers" / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def make(self) -> None:
        """Make it, unless it's there: whole or not at all.

        Raises:
            MissingDependencyError: If pip can't install the packages.
        """
        if self.python.exists():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as temporary:
            made = Path(temporary) / "venv"
            venv.create(made, symlinks=True)
            _pip(made, ["install", "--quiet", *([] if self.with_dependencies else ["--no-deps"]), *self.requirements])
            made.rename(self.folder)

    def interpreter(self) -> Interpreter:
        """Runs workers there, from this checkout's source."""
        return Interpreter(self.python, {"PYTHONPATH": os.pathsep.join(map(str, SOURCES)), **_quiet(self.folder)})

    def versions(self) -> dict[str, str]:
        """The packages that were asked for, as they're installed."""
        asked = {requirement.partition("=")[0].lower().replace("_", "-") for requirement in self.requirements}
        listed = json.loads(_pip(self.folder, ["list", "--format=json"]))
        return {one["name"]: one["version"] for one in listed if one["name"].lower().replace("_", "-") in asked}

    def run(self, *command: str | Path) -> None:
        """Run a program, as its Python with a script.

        Raises:
            MissingDependencyError: If it fails.
        """
        interpreter = self.interpreter()
        done = subprocess.run(
            command,
            env={**os.environ, **interpreter.environment},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            program = " ".join(map(str, command[:2]))
            raise MissingDependencyError(f"{self.folder.name}: {program} failed: {_last_line(done)}")


def _pip(folder: Path, arguments: Sequence[str]) -> str:
    # This environment's pip: the other one needs none.
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin" / "python")]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingDependencyError(f"pip {' '.join(arguments)}: {_last_line(done)}")
    return done.stdout


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [*done.stdout.strip().splitlines(), *done.stderr.strip().splitlines()]
    return lines[-1] if lines else f"exit code {done.returncode}"


def _quiet(folder: Path) -> dict[str, str]:
    """What keeps peers from writing into the user's home or calling theirs."""
    return {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "ORT_DISABLE_TELEMETRY": "1",
        "YOLO_CONFIG_DIR": str(folder),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
    }
