"""What a newcomer is told at the end of ``tlx demo``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.export.gates.parity import ParityVerdict

LOWEST_ACCURACY: Final = 0.9
"""Three textures are easy: fewer right answers mean that something is broken, not that they are hard."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of ``total`` pictures got their right label."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.right / self.total

    def __str__(self) -> str:
        return f"{self.right} of {self.total} right"


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """What the demo leaves behind."""

    photos: Path
    run: Path
    model: Path
    video: Path
    bench: Path


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The figures of one demo.

    Attributes:
        trained_on: Number of tiles.
        validation: In Keras, at the end of training.
        held_back: Tiles that training never saw, by the exported file.
        video: Frames of the video, by the exported file.
        frame_ms: Median time of one frame from pixels to label.
        bench_table: Keras against ONNX Runtime, line by line.
        bench_failures: One line for each engine that failed, or whose answers are wrong.
        seconds: From start to end.
    """

    labels: tuple[str, ...]
    trained_on: int
    validation: Tally
    parity: ParityVerdict
    held_back: Tally
    video: Tally
    frame_ms: float
    bench_table: tuple[str, ...]
    bench_failures: tuple[str, ...]
    files: DemoFiles
    seconds: float


def find_faults(result: DemoResult) -> list[str]:
    """What shows that the chain doesn't work on this machine, one line each; empty if it does."""
    measured = {"validation tiles": result.validation, "held-back tiles": result.held_back, "frames": result.video}
    faults = [
        f"only {tally} among the {name}, expected {LOWEST_ACCURACY:.0%}"
        for name, tally in measured.items()
        if tally.share < LOWEST_ACCURACY
    ]
    return faults + list(result.bench_failures)


def summarize(result: DemoResult) -> list[str]:
    """The summary, line by line."""
    parity = result.parity
    tiles = result.trained_on + result.validation.total + result.held_back.total
    rows = [
        ("photos", f"{tiles} tiles of {len(result.labels)} photographs ({', '.join(result.labels)}), none overlaps"),
        ("training", f"{result.trained_on} tiles; on {result.validation.total} others: {result.validation}"),
        ("export", f"Keras and the .onnx file give the same label on {parity.labels_equal} of {parity.photos} tiles;"),
        ("", f"probabilities differ by {parity.max_abs_difference:.1e} at most (allowed: {parity.tolerance:.0e})"),
        ("unseen", f"{result.held_back} among the tiles that were held back, by the .onnx file"),
        ("video", f"{result.video} among the frames, {result.frame_ms:.1f} ms a frame"),
    ]
    files = [
        (str(result.files.photos), "the tiles, as photos in folders"),
        (str(result.files.run), "the run: Keras model, history, curves.png"),
        (str(result.files.model), "the model file: all that the edge needs"),
        (str(result.files.video), "the video"),
        (str(result.files.bench), "the bench's figures"),
    ]
    return [
        *_columns(rows),
        "These tiles are easy: the figures check the plumbing, not how good a model of your photos will be.",
        "",
        "Keras against ONNX Runtime, one tile a call, on this machine:",
        *(f"  {line}" for line in result.bench_table),
        "",
        f"Done in {result.seconds:.0f} s. The files:",
        *_columns(files),
        "",
        "Now your own photos: one folder for each class (photos/cats/*.jpg, photos/dogs/*.jpg, ...), then",
        "  tlx train photos",
        "  tlx export model.onnx",
        "  tlx classify model.onnx SOURCE     (a photo, a folder, a video, or 0 for the first camera)",
        "  tlx bench model.onnx",
    ]


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows) + 2
    return [f"  {name:<{width}}{text}" for name, text in rows]
