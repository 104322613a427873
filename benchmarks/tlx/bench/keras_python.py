"""Keras in an environment of its own: ``--keras-python PATH``.

TensorFlow and ONNX Runtime may need different CUDA libraries, which can't lie in one environment. The other one needs
TensorFlow and nothing of tlx: its workers run the source of this one, and get their pictures as arrays.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import tlx
from tlx.errors import InputError, MissingDependencyError
from tlx.runtime.timing.process import Interpreter

_ASK: Final = """
import json, platform
import keras, numpy, tensorflow
print(json.dumps({"python": platform.python_version(), "tensorflow": tensorflow.__version__,
                  "keras": keras.__version__, "numpy": numpy.__version__}))
"""
_OLDEST_PYTHON: Final = (3, 11)
_TIMEOUT_S: Final = 120.0


def ask_versions(python: Path) -> dict[str, str]:
    """The versions of Python, TensorFlow, Keras and NumPy that an interpreter has.

    Raises:
        InputError: If it's no interpreter, or too old.
        MissingDependencyError: If it can't import TensorFlow and Keras.
    """
    try:
        child = subprocess.run(
            [python, "-P", "-c", _ASK],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(
            f"--keras-python {python}: can't be run ({error}): name a Python, as in venv/bin/python"
        ) from error
    last = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
    try:
        versions: dict[str, str] = json.loads((child.stdout.strip().splitlines() or [""])[-1])
    except ValueError as error:
        raise MissingDependencyError(
            f"--keras-python {python}: can't import TensorFlow and Keras ({last}): run \"{python} -m pip install "
            'tensorflow"'
        ) from error
    if tuple(int(part) for part in versions["python"].split(".")[:2]) < _OLDEST_PYTHON:
        raise InputError(f"--keras-python {python}: is Python {versions['python']}, expected 3.11 or newer")
    return versions


@contextlib.contextmanager
def borrowed_source(python: Path) -> Iterator[Interpreter]:
    """An interpreter that finds the source of this tlx, and no other package of this environment."""
    with TemporaryDirectory(prefix="tlx-bench-") as folder:
        roots = []
        for number, portion in enumerate(tlx.__path__):
            root = Path(folder) / str(number)
            root.mkdir()
            (root / "tlx").symlink_to(portion, target_is_directory=True)
            roots.append(str(root))
        yield Interpreter(python, {"PYTHONPATH": os.pathsep.join(roots)})
