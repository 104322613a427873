"""What one bench does, decided before anything runs: engines, pictures, processors, bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.bench.measures.wanted import NOTHING, Wanted
from tlx.contract import Contract, Precision, ResizeMethod
from tlx.runtime.timing.protocol import ONNX_KIND, Setup

KERAS_KINDS: Final = ("keras.predict", "keras.call", "keras.tf_function")
CALLS_PER_TURN: Final = 6
"""Six is also the smallest sample whose range holds the median with 95 %."""
WARM_UP_PER_TURN: Final = 2
"""Untimed calls that wake an engine's threads after it was parked."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine to measure.

    Attributes:
        kind: A key of :data:`tlx.bench.backends.BUILDERS`.
        model: Its .keras or .onnx file.
        size_hw: Height and width that it takes.
        threshold: From which probability of it the second of two labels is given.
        mark: Tells engines apart that would have the same name.
    """

    kind: str
    model: Path
    size_hw: tuple[int, int]
    resize: ResizeMethod = "area"
    precision: Precision = "fp32"
    threshold: float = 0.5
    mark: str = ""

    def name(self, provider: str) -> str:
        """What the engine is called once it's known where it runs: ``onnxruntime.cpu.fp32``."""
        base = f"{ONNX_KIND}.{provider}.{self.precision}" if self.kind == ONNX_KIND else self.kind
        return f"{base}:{self.mark}" if self.mark else base


@dataclass(frozen=True, slots=True)
class Workload:
    """The pictures that every engine gets.

    Attributes:
        photos: Files; if empty, ``synthetic`` pictures are made by formula.
        classes: Number of labels.
        batch: Photos a call.
    """

    photos: tuple[Path, ...]
    synthetic: int
    classes: int
    batch: int

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.photos) or self.synthetic


@dataclass(frozen=True, slots=True)
class Placement:
    """Where engines run.

    Attributes:
        device: ``auto``, ``cpu`` or ``gpu``.
        threads: Threads an engine uses inside one layer.
        cpus: Processors that its process may use; empty where the system can't pin.
    """

    device: str
    threads: int
    cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole bench.

    Attributes:
        rounds: How often each engine gets a turn.
        max_seconds: No round begins that wouldn't end by then, counted from the start of the bench; the first
            round always runs.
        seed: Decides the order of the engines in each round.
        wanted: What is measured beside the latency.
    """

    engines: tuple[EngineSpec, ...]
    workload: Workload
    placement: Placement
    rounds: int
    max_seconds: float
    seed: int = 0
    wanted: Wanted = NOTHING

    def setup(self, engine: EngineSpec) -> Setup:
        """The first message to an engine's worker."""
        return Setup(
            kind=engine.kind,
            model=str(engine.model),
            device=self.placement.device,
            classes=self.workload.classes,
            threads=self.placement.threads,
            cpus=list(self.placement.cpus),
            photos=[str(photo) for photo in self.workload.photos],
            synthetic=self.workload.synthetic,
            size_hw=list(engine.size_hw),
            resize=engine.resize,
            batch=self.workload.batch,
        )


def keras_engines(model: Path, size_hw: tuple[int, int], contract: Contract) -> list[EngineSpec]:
    """The three ways to run a Keras model; the first is the baseline.

    Args:
        model: A .keras file.
        size_hw: Height and width that it takes.
        contract: Of the model file beside it, whose way to a label it shares.
    """
    resize, threshold = contract.resize.method, contract.threshold
    return [EngineSpec(kind, model, size_hw, resize, threshold=threshold) for kind in KERAS_KINDS]


def onnx_engines(models: Sequence[tuple[Path, Contract]]) -> list[EngineSpec]:
    """One engine for each model file; those of the same precision are marked by their file's name."""
    precisions = Counter(contract.precision for _, contract in models)
    names = Counter((contract.precision, path.stem) for path, contract in models)
    engines = []
    for number, (path, contract) in enumerate(models, 1):
        mark = "" if precisions[contract.precision] == 1 else path.stem
        if names[contract.precision, path.stem] > 1:
            mark = f"{mark}#{number}"
        resize, threshold = contract.resize.method, contract.threshold
        engines.append(EngineSpec(ONNX_KIND, path, contract.input.size_hw, resize, contract.precision, threshold, mark))
    return engines
