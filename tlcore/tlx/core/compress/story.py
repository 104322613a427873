"""What a compression did, as its run keeps it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tlx.contract import AccuracyRecord
from tlx.core.compress.bounds import Bounds
from tlx.core.compress.design import Design
from tlx.core.compress.judging import Choice
from tlx.core.compress.merging import MERGED
from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.pruning import Survey
from tlx.core.compress.source import Source
from tlx.core.runs import CompressionRecord, LayerWidthRecord, PointRecord
from tlx.runtime import environment


@dataclass(frozen=True, slots=True)
class Point:
    """A network that was made, taught and measured.

    Attributes:
        original_rounds_ms: The original at fp32, round by round.
        rounds_ms: This one, in the same rounds.
        pruned_accuracy: Before it learned, on the photos for choices.
        choice: After it.
        passes: Over the training photos that it learned from.
    """

    design: Design
    network: PlainNetwork
    original_rounds_ms: Sequence[float]
    rounds_ms: Sequence[float]
    pruned_accuracy: float
    choice: Choice
    passes: float

    @property
    def name(self) -> str:
        """For people."""
        return self.design.name

    @property
    def original_ms(self) -> float:
        """The median of its rounds."""
        return statistics.median(self.original_rounds_ms)

    @property
    def latency_ms(self) -> float:
        """The median of its rounds."""
        return statistics.median(self.rounds_ms)

    @property
    def speedups(self) -> list[float]:
        """Round by round."""
        return [before / after for before, after in zip(self.original_rounds_ms, self.rounds_ms, strict=True)]

    def misses_speed(self, bounds: Bounds) -> bool:
        """Whether each round was slower than was asked for."""
        return bounds.misses_speed(self.speedups, self.rounds_ms)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that the record tells.

    Attributes:
        minutes: That the kept network learned for.
        more_minutes: That it could be taught for next time.
        options: What a command like this one needs beside bounds and minutes, as in ``" --size 112"``.
        verdict: On the kept one.
        refused: Those that lost more than was allowed there, and how many points.
        candidates: How many might have been asked about.
    """

    source: Source
    bounds: Bounds
    minutes: float
    more_minutes: float
    options: str
    seed: int
    int8: bool
    threads: int
    survey: Survey
    points: tuple[Point, ...]
    kept: Point
    verdict: AccuracyRecord
    refused: Sequence[tuple[Point, float]]
    candidates: int


def tell(outcome: Outcome) -> CompressionRecord:
    """Put it down."""
    source, kept, verdict = outcome.source, outcome.kept, outcome.verdict
    network, original = kept.network, source.network
    return CompressionRecord(
        original=source.run.record.name,
        precision="int8" if outcome.int8 else "fp32",
        threads=outcome.threads,
        processor=environment.processor_name(),
        original_ms=kept.original_ms,
        latency_ms=kept.latency_ms,
        speedup=kept.original_ms / kept.latency_ms,
        original_accuracy=verdict.reference_correct / verdict.photos,
        lost=verdict.lost,
        gained=verdict.gained,
        drop_points=verdict.drop_points,
        upper_drop_points=verdict.upper_drop_points,
        bounds=outcome.bounds.document(),
        minutes=outcome.minutes,
        flops=(network.flops(), original.flops()),
        parameters=(network.parameters(), original.parameters()),
        layers=_layers(outcome),
        points=[_point(point, outcome) for point in outcome.points],
        what_next=_what_next(outcome),
        latency_range_ms=(min(kept.rounds_ms), max(kept.rounds_ms)),
        speedup_range=(min(kept.speedups), max(kept.speedups)),
        reference_accuracy=kept.choice.original_accuracy,
        seed=outcome.seed,
        size_hw=network.size_hw,
        original_size_hw=original.size_hw,
        passes=kept.passes,
        balanced=source.is_balanced,
        candidates=outcome.candidates,
    )


def _point(point: Point, outcome: Outcome) -> PointRecord:
    return PointRecord(
        name=point.name,
        size_hw=point.network.size_hw,
        channels=list(point.network.channels),
        merged=point.design.merge,
        flops=point.network.flops(),
        latency_ms=point.latency_ms,
        speedup=point.original_ms / point.latency_ms,
        pruned_accuracy=point.pruned_accuracy,
        accuracy=point.choice.accuracy,
        drop_points=point.choice.drop_points,
        kept=point is outcome.kept,
        refused_drop_points=next((lost for refused, lost in outcome.refused if refused is point), None),
    )


def _layers(outcome: Outcome) -> list[LayerWidthRecord]:
    design, network = outcome.kept.design, outcome.kept.network
    skipped = MERGED - 1 if design.merge else 0
    before = outcome.source.network.layer_flops()
    after = [0] * skipped + network.layer_flops()
    expected: list[float | None] = [None] * skipped
    expected += design.expected_ms
    return [
        LayerWidthRecord(
            name=layer.name,
            channels=(0 if number < skipped else network.convolutions[number - skipped].outputs, layer.outputs),
            flops=(after[number], before[number]),
            error=0.0 if number < skipped else outcome.survey.eliminations[number].error(design.channels[number]),
            milliseconds=expected[number],
        )
        for number, layer in enumerate(outcome.source.network.convolutions)
    ]


def _what_next(outcome: Outcome) -> list[str]:
    name, kept, options = outcome.source.run.record.name, outcome.kept, outcome.options
    faster = kept.original_ms / kept.latency_ms
    lines = [
        "tlx export model.onnx --precision int8  (times were measured for int8: fp32 is slower)"
        if outcome.int8
        else "tlx export model.onnx"
    ]
    if faster < 1.01:  # noqa: PLR2004 - no speed that can be asked for
        return lines
    longer = f"--minutes {outcome.more_minutes:.3g}"
    lines += [
        f"tlx compress {name} --speedup {1.5 * faster:.3g}{options}  (faster, and less accurate)",
        f"tlx compress {name} --speedup {faster:.3g} {longer}{options}  (as fast, taught for longer)",
    ]
    size = kept.network.size_hw[0]
    if outcome.source.network.pooling == "average" and size >= 96 and "--size" not in options:  # noqa: PLR2004 - half of it is too little
        smaller = f"--size {size * 3 // 4 // 16 * 16}"
        lines.append(f"tlx compress {name} --speedup {1.5 * faster:.3g} {smaller}{options}  (smaller pictures)")
    return lines
