"""How a bench starts its workers: in this environment, or Keras in another one that is given its pictures as arrays."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlx.bench.keras_python import borrowed_source
from tlx.bench.plan import EngineSpec, Plan
from tlx.runtime.timing.pictures import load_pictures
from tlx.runtime.timing.process import Interpreter, WorkerProcess
from tlx.runtime.timing.protocol import Setup


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts workers for as long as :func:`starter_for` is open.

    Attributes:
        arrays: For each engine of another environment the file that holds its pictures.
        interpreter: Of that environment; None if there is none.
    """

    plan: Plan
    arrays: Mapping[EngineSpec, Path]
    interpreter: Interpreter | None

    def setup(self, engine: EngineSpec) -> Setup:
        """The first message to an engine's worker."""
        return self.plan.setup(engine, self.arrays.get(engine))

    def start(self, row: str, engine: EngineSpec, module: str, setup: Setup | None = None) -> WorkerProcess:
        """Start an engine's process.

        Args:
            row: What it's called in messages.
            engine: One of the plan's.
            module: The worker's.
            setup: Its first message, if another one than :meth:`setup`.
        """
        elsewhere = self.interpreter if self.plan.python(engine) else None
        return WorkerProcess(row, setup or self.setup(engine), module, interpreter=elsewhere)


@contextlib.contextmanager
def starter_for(plan: Plan) -> Iterator[Starter]:
    """Make ready what the workers of another environment need; it's gone at the end."""
    with contextlib.ExitStack() as stack:
        arrays = stack.enter_context(_pictures_of(plan))
        interpreter = stack.enter_context(borrowed_source(plan.keras_python)) if plan.keras_python else None
        yield Starter(plan, arrays, interpreter)


@contextlib.contextmanager
def _pictures_of(plan: Plan) -> Iterator[dict[EngineSpec, Path]]:
    """The pictures as arrays, for engines whose environment can't be expected to decode."""
    with tempfile.TemporaryDirectory(prefix="tlx-bench-") as folder:
        files: dict[EngineSpec, Path] = {}
        made: dict[tuple[object, ...], Path] = {}
        for engine in plan.engines:
            if plan.python(engine) is None:
                continue
            key = (engine.size_hw, engine.resize)
            if key not in made:
                made[key] = Path(folder) / f"{len(made)}.npy"
                np.save(made[key], load_pictures(plan.setup(engine)))
            files[engine] = made[key]
        yield files
