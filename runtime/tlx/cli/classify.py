"""``tlx classify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, DeviceOption, FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import InputError, SourceError

if TYPE_CHECKING:
    from tlx.runtime.classifier import Classifier
    from tlx.runtime.frames import Source
    from tlx.runtime.output.items import Sink

_EXAMPLE = "try 'tlx classify model.onnx photo.jpg'"


def classify(
    model_or_source: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="The model file or a models folder, unless -m names it.", show_default=False
        ),
    ] = None,
    more_sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Photos, folders, quoted patterns, videos, camera numbers."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="The model file; then all other words are sources.")
    ] = None,
    topk: Annotated[int, typer.Option("--topk", min=1, help="How many classes to show, the likeliest first.")] = 1,
    stride: Annotated[int, typer.Option("--stride", min=1, help="Take every so many-th frame of a video.")] = 1,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Processors to use; all that this process may, if left out.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Name what is on photos, in videos or before a camera.

    Example:  tlx classify model.onnx photos/ 'more/*.jpg' clip.mp4
    """
    del verbose
    model_path, source_words = _split(model, model_or_source, more_sources or [])

    from tlx.runtime.classifier import Classifier
    from tlx.runtime.loop.ordered import classify_files, plan_threads
    from tlx.runtime.loop.preparing import Preparer
    from tlx.runtime.loop.running import Output, run_files
    from tlx.runtime.loop.tally import Tally, judge_failures, summarize
    from tlx.runtime.processors import usable_processors
    from tlx.runtime.sources.words import open_sources

    sources = open_sources(source_words, stride=stride)
    workers, each = plan_threads(None, threads or usable_processors())
    classifier = Classifier.load(model_path, device.value, each)
    if classifier.session.note and not quiet:
        terminal.note(f"tlx: warning: {classifier.session.note}")
    units = {source.unit for source in sources}
    tally = Tally(units.pop() if len(units) == 1 else "picture")
    results = classify_files(sources, Preparer(lambda: classifier), workers)
    run_files(results, Output(_sink(classifier, sources, format_, topk)), tally)
    if problem := judge_failures(tally):
        if format_ is TextFormat.TEXT and tally.frames == 1:
            raise typer.Exit(SourceError.exit_code)  # its line is there already
        raise SourceError(problem)
    if not quiet:
        terminal.note(summarize(tally, classifier.session, workers))


def _split(model: Path | None, first: str | None, more: list[str]) -> tuple[Path, list[str]]:
    """The model's path and the sources: with ``-m`` the first word is a source too."""
    if model is not None and first is not None:
        return model, [first, *more]
    if model is None and first is not None and more:
        return Path(first), more
    given = model or first
    raise InputError(f"expected a model file and at least one source, received {given or 'nothing'}: {_EXAMPLE}")


def _sink(classifier: Classifier, sources: list[Source], format_: TextFormat, topk: int) -> Sink:
    from tlx.runtime.output.json_lines import JsonSink
    from tlx.runtime.output.text import TextSink

    labels = tuple(classifier.contract.labels)
    if format_ is TextFormat.JSON:
        return JsonSink(sys.stdout, labels, topk)
    width = max(source.name_width for source in sources)
    return TextSink(sys.stdout, sys.stderr, labels, width, topk)
