"""``tlx evaluate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, DeviceOption, FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import OutputError

EXAMPLE = """
\b
Example:  tlx evaluate model.onnx photos/test
          tlx evaluate latest --predictions predictions.csv

DATA holds one folder of photos for each class, or such folders below train/, validation/ and test/.
A run without DATA is evaluated on its own validation photos.
"""


class Part(StrEnum):
    """The parts that photos are split into."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def evaluate(
    model_or_run: Annotated[str, typer.Argument(help="An .onnx file, a run's folder or name, or latest.")] = "latest",
    data: Annotated[
        Path | None, typer.Argument(help="Folder of labelled photos; a run has its own.", show_default=False)
    ] = None,
    split: Annotated[
        Part | None, typer.Option("--split", help="Which part of DATA (default: validation, where it has parts).")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE.csv", help="Write a row for each photo.")
    ] = None,
    mistakes: Annotated[int, typer.Option("--mistakes", min=0, help="How many mistakes to list at most.")] = 10,
    runs: Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")] = Path("runs"),
    device: DeviceOption = Device.AUTO,
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure a model file or a run on labelled photos."""
    del verbose
    import json

    from tlx.core.evaluation.document import describe, write_predictions
    from tlx.core.evaluation.evaluate import EvaluateOptions, evaluate_model
    from tlx.core.evaluation.text import format_evaluation
    from tlx.runtime.sinks import printable

    if predictions is not None and not predictions.parent.is_dir():  # before minutes of classifying
        raise OutputError(f"{predictions}: the folder {predictions.parent} does not exist: create it first")
    options = EvaluateOptions(data, split.value if split else None, device.value, runs)
    with terminal.progress_bar(quiet=quiet) as progress:
        evaluation = evaluate_model(model_or_run, options, progress)
    if predictions is not None:
        write_predictions(evaluation, predictions)
    if not quiet:
        if evaluation.model.note:
            terminal.note(f"tlx: warning: {evaluation.model.note}")
        for problem in evaluation.unreadable:
            terminal.note(printable(f"left out: {problem}"))
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(describe(evaluation, mistakes), allow_nan=False))
    else:
        for line in format_evaluation(evaluation, mistakes):
            terminal.say(line)
    if not quiet:
        is_file = evaluation.model.sha256 is not None
        terminal.next_command(
            f"tlx bench {evaluation.model.name}" if is_file else f"tlx export model.onnx --run {evaluation.model.name}"
        )


evaluate.__doc__ = f"{evaluate.__doc__}\n{EXAMPLE}"
