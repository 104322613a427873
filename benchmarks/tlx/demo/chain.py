"""The whole chain: photographs to tiles, training, export, classification, bench."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from operator import eq
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from tlx import atomic
from tlx.bench.bench import BenchReport, run_bench
from tlx.bench.prepare import BenchOptions
from tlx.bench.typed_command import typed_command
from tlx.core.handover import photos_for_parity, trained_model
from tlx.core.recipes.presets import find_preset
from tlx.core.training.train import Listener, TrainOptions, train
from tlx.demo.photographs import read_photographs, write_tiles
from tlx.demo.summary import DemoFiles, DemoResult, Tally
from tlx.demo.video import write_video
from tlx.errors import SourceError
from tlx.export.exporter import Exported, ExportPlan, export_model
from tlx.runtime.classifier import Classifier
from tlx.runtime.loop.ordered import classify_files
from tlx.runtime.loop.preparing import Preparer
from tlx.runtime.output.items import Result
from tlx.runtime.sources.words import open_sources

if TYPE_CHECKING:
    from tlx.core.runs import Run

FOLDER: Final = Path("demo")
PRESET: Final = "features"
BENCH_PHOTOS: Final = 16


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a person chooses for a demo.

    Attributes:
        folder: Where everything goes.
        weights: See :func:`tlx.core.weights.chain.load_weights`.
        bench_seconds: About how long Keras and ONNX Runtime are compared, without their starts.
    """

    folder: Path = FOLDER
    weights: str = "imagenet"
    bench_seconds: float = 20.0


def run_demo(options: DemoOptions, listener: Listener = Listener()) -> DemoResult:
    """Run every step on real parts, as the commands of the same names would.

    What an earlier demo left in the folder is replaced, its runs are kept.

    Raises:
        TlxError: If a step fails; what the steps before it made is left where it is.
    """
    started_s = time.monotonic()
    folder = options.folder
    photos, model, video, bench = (folder / name for name in ("photos", "model.onnx", "video.avi", "bench.json"))

    listener.notify("1/5 photos: cutting three photographs into tiles")
    photographs = read_photographs()
    atomic.make_folder(folder)
    tiles = write_tiles(photographs, photos, listener.progress)
    frame_labels = write_video(photographs, video)

    listener.notify(f"2/5 tlx train {photos}")
    training = TrainOptions(find_preset(PRESET), weights=options.weights, runs_root=folder / "runs")
    run = train(photos, training, listener)

    listener.notify(f"3/5 tlx export {model}")
    exported = export_model(trained_model(run), model, ExportPlan(photos_for_parity(run)), listener.progress)
    assert exported.parity is not None  # no gate is skipped

    listener.notify(f"4/5 tlx classify {model} {photos / 'test'} {video}")
    classifier = Classifier.load(model)
    held_back = _classify(classifier, photos / "test")
    frames = _classify(classifier, video)

    listener.notify(f"5/5 tlx bench {model}")
    report = _compare(exported, run, options.bench_seconds, listener)
    atomic.write_json(bench, report.document)

    return DemoResult(
        labels=tuple(photographs),
        trained_on=len(tiles["train"]),
        validation=_validation(run, len(tiles["validation"])),
        parity=exported.parity,
        held_back=held_back.tally([Path(result.frame.source).parent.name for result in held_back.results]),
        video=frames.tally(frame_labels),
        frame_ms=frames.median_ms(),
        bench_table=report.table,
        bench_failures=report.failures + report.wrong,
        files=DemoFiles(photos=photos, run=run.folder, model=model, video=video, bench=bench),
        seconds=time.monotonic() - started_s,
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the model said of some pictures."""

    results: list[Result]

    def tally(self, labels: Sequence[str]) -> Tally:
        """Compare with the true labels; pictures without a prediction count as wrong."""
        given = [result.label for result in self.results]
        return Tally(sum(map(eq, given, labels)), max(len(given), len(labels)))

    def median_ms(self) -> float:
        """From pixels to label."""
        timings = [result.prediction.timing for result in self.results if result.prediction]
        return median(timing.resize_ms + timing.inference_ms for timing in timings)


def _classify(classifier: Classifier, source: Path) -> _Answers:
    results = list(classify_files(open_sources([str(source)]), Preparer(lambda: classifier), workers=1))
    if all(result.label is None for result in results):
        raise SourceError(f"{source}: nothing in it could be classified")
    return _Answers(results)


def _compare(exported: Exported, run: Run, seconds: float, listener: Listener) -> BenchReport:
    options = BenchOptions(
        models=(exported.path,),
        keras=str(run.folder),
        limit=BENCH_PHOTOS,
        max_seconds=seconds,
        engines=("keras.predict", "keras.tf_function", "onnxruntime.*"),
    )
    chosen = [word for name in options.engines for word in ("--engine", name)]
    settings = ["--keras", str(run.folder), "--limit", str(BENCH_PHOTOS), "--max-seconds", f"{seconds:g}", *chosen]
    command = typed_command(["tlx", "bench", exported.path, *settings])
    report = run_bench(options, command=command, progress=listener.progress)
    if report.interrupted:
        raise KeyboardInterrupt
    for note in report.notes:
        listener.notify(note)
    return report


def _validation(run: Run, photos: int) -> Tally:
    return Tally(round(run.record.result.validation_accuracy * photos), photos)
