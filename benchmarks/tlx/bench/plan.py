"""What one bench does, decided before anything runs: engines, pictures, processors, bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tlx.bench.measures.wanted import NOTHING, Wanted
from tlx.bench.row_names import row_name
from tlx.contract import Precision, ResizeMethod
from tlx.runtime.timing.pinning import choose_cpus
from tlx.runtime.timing.protocol import ONNX_KIND, Setup

TURN_MS: Final = 200.0
"""About how long a turn's timed calls take.

A machine that is shared changes its speed within some tenths of a second. On one of them calls of VGG16 resembled each
other by 0.8 next to each other and by 0.4 within half a second (correlation), so a turn of six told hardly more than
one of two, and half a second later the other engine met another machine.
"""
FEWEST_CALLS, MOST_CALLS = 2, 48
WARM_UP_PER_TURN: Final = 2
"""Untimed calls, at most, that wake an engine's threads after it was parked."""

EnginePrecision = Precision | Literal["bf16"]


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine to measure, with one batch size and one number of threads: a row of the report.

    Attributes:
        kind: A key of :data:`tlx.bench.backends.BUILDERS`.
        model: Its .keras or .onnx file.
        size_hw: Height and width that it takes.
        precision: What it computes in.
        threshold: From which probability of it the second of two labels is given.
        network: Which network it computes, as in :func:`tlx.bench.engines.network_of`; empty if no file says.
        mark: Tells engines apart that would have the same name.
        batch: Photos a call.
        threads: Threads that it uses inside one layer, and processors that it may run on.
        device: ``auto``, ``cpu``, ``gpu``, ...
        optional: Nobody asked for it by name: if it can't be loaded, a note says so in place of a row.
    """

    kind: str
    model: Path
    size_hw: tuple[int, int]
    resize: ResizeMethod = "area"
    precision: EnginePrecision = "fp32"
    threshold: float = 0.5
    mark: str = ""
    batch: int = 1
    threads: int = 1
    device: str = "cpu"
    optional: bool = False
    network: str = ""

    def name(self, provider: str) -> str:
        """What the engine is called once it's known where it runs: ``onnxruntime.cpu.fp32``."""
        base = f"{ONNX_KIND}.{provider}.{self.precision}" if self.kind == ONNX_KIND else self.kind
        return f"{base}:{self.mark}" if self.mark else base

    @property
    def conditions(self) -> tuple[int, int]:
        """Batch and threads: what rows must share to be compared with each other."""
        return (self.batch, self.threads)


@dataclass(frozen=True, slots=True)
class Workload:
    """The pictures that every engine gets.

    Attributes:
        photos: Files; if empty, ``synthetic`` pictures are made by formula.
        classes: Number of labels.
        true_classes: For each photo the place of its true label among the labels, None where it has none; empty if no
            photo has one.
    """

    photos: tuple[Path, ...]
    synthetic: int
    classes: int
    true_classes: tuple[int | None, ...] = ()

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.photos) or self.synthetic


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole bench.

    Attributes:
        engines: In the order of the report; see :attr:`EngineSpec.conditions` for which are compared.
        device: What the user asked for.
        rounds: How often each engine gets a turn, at most; None for as often as there is time.
        max_seconds: No round begins after which the bench wouldn't end by then, counted from its start; the first
            round always runs. Infinite for no limit.
        margin: The rounds end once each median and each ratio is known within this share of it, up or down; 0 for
            never.
        seed: Decides the order of the engines in each round.
        keras_python: The interpreter that runs Keras; None for this one.
        wanted: What is measured beside the latency.
    """

    engines: tuple[EngineSpec, ...]
    workload: Workload
    rounds: int | None
    max_seconds: float
    device: str = "cpu"
    margin: float = 0.0
    seed: int = 0
    keras_python: Path | None = None
    wanted: Wanted = NOTHING

    @property
    def cpus(self) -> tuple[int, ...]:
        """All processors that engines run on; empty where the system can't pin."""
        return choose_cpus(max(engine.threads for engine in self.engines)) if self.engines else ()

    def row(self, engine: EngineSpec, name: str) -> str:
        """What tells a row from all others: its name, and what else differs among them."""
        several_batches = len({other.batch for other in self.engines}) > 1
        several_threads = len({other.threads for other in self.engines}) > 1
        return row_name(
            name,
            batch=engine.batch if several_batches else None,
            threads=engine.threads if several_threads else None,
        )

    def batches(self, engine: EngineSpec) -> int:
        """How many calls classify every photo once."""
        return -(-self.workload.count // engine.batch)

    def python(self, engine: EngineSpec) -> Path | None:
        """The interpreter that runs an engine; None for this one."""
        return self.keras_python if engine.kind.startswith("keras.") else None

    def setup(self, engine: EngineSpec, arrays: Path | None = None) -> Setup:
        """The first message to an engine's worker.

        Args:
            engine: One of the plan's.
            arrays: A .npy file of the pictures, decoded and resized, for a worker that can't do it.
        """
        return Setup(
            kind=engine.kind,
            model=str(engine.model),
            device=engine.device,
            classes=self.workload.classes,
            threads=engine.threads,
            cpus=list(choose_cpus(engine.threads)),
            photos=[str(photo) for photo in self.workload.photos],
            synthetic=self.workload.synthetic,
            size_hw=list(engine.size_hw),
            resize=engine.resize,
            batch=engine.batch,
            arrays=str(arrays) if arrays else "",
        )


def calls_in_turn(call_ms: float) -> int:
    """How many calls of this length a turn times."""
    return max(FEWEST_CALLS, min(MOST_CALLS, int(TURN_MS / max(call_ms, 1e-3))))


def warm_up_in_turn(calls: int) -> int:
    """How many untimed calls come before so many timed ones."""
    return max(1, min(WARM_UP_PER_TURN, calls // 3))
