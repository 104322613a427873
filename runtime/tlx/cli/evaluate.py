"""``tlx evaluate``."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, DeviceOption, QuietOption, VerboseOption
from tlx.errors import OutputError

if TYPE_CHECKING:
    from tlx.core.evaluation.evaluate import Evaluation

EXAMPLE = """
\b
Example:  tlx evaluate model.onnx photos/test
          tlx evaluate latest --reliability reliability.png --predictions predictions.csv

DATA holds one folder of photos for each class, or such folders below train/, validation/ and test/.
A run without DATA is evaluated on its own validation photos.
"""


class ResultFormat(StrEnum):
    """How an evaluation is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


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
    reliability: Annotated[
        Path | None, typer.Option("--reliability", metavar="FILE.png", help="Draw how sure it is against how right.")
    ] = None,
    mistakes: Annotated[int, typer.Option("--mistakes", min=0, help="How many mistakes to list at most.")] = 10,
    runs: Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")] = Path("runs"),
    device: DeviceOption = Device.AUTO,
    format_: Annotated[
        ResultFormat,
        typer.Option("--format", "-f", help="text for people, json for programs, csv: a row for each photo."),
    ] = ResultFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure a model file or a run on labelled photos."""
    del verbose
    from tlx.core.evaluation.document import write_predictions
    from tlx.core.evaluation.evaluate import EvaluateOptions, evaluate_model
    from tlx.core.evaluation.reliability import draw_reliability, reliability_tables, require_drawable

    _require_writable(predictions, reliability)  # before minutes of classifying
    if reliability is not None:
        require_drawable(reliability)
    options = EvaluateOptions(data, split.value if split else None, device.value, runs)
    with terminal.progress_bar(quiet=quiet) as progress:
        evaluation = evaluate_model(model_or_run, options, progress)
    if predictions is not None:
        write_predictions(evaluation, predictions)
    if reliability is not None:
        draw_reliability(reliability_tables(evaluation.calibration), reliability)
    if not quiet:
        _tell_problems(evaluation)
    _say_result(evaluation, format_, mistakes)
    if not quiet:
        name = shlex.quote(evaluation.model.name)
        is_file = evaluation.model.sha256 is not None
        terminal.next_command(f"tlx bench {name}" if is_file else f"tlx export model.onnx --run {name}")


def _require_writable(*outputs: Path | None) -> None:
    for path in filter(None, outputs):
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {path.parent} does not exist: create it first")
        if path.is_dir():
            raise OutputError(f"{path}: is a folder: name a file")


def _tell_problems(evaluation: Evaluation) -> None:
    from tlx.runtime.output.printable import printable

    if evaluation.model.note:
        terminal.note(f"tlx: warning: {evaluation.model.note}")
    for problem in evaluation.unreadable:
        terminal.note(printable(f"left out: {problem}"))


def _say_result(evaluation: Evaluation, format_: ResultFormat, mistakes: int) -> None:
    import json

    from tlx.core.evaluation.document import describe, predictions_csv
    from tlx.core.evaluation.text import format_evaluation

    if format_ is ResultFormat.JSON:
        terminal.say(json.dumps(describe(evaluation, mistakes), allow_nan=False))
    elif format_ is ResultFormat.CSV:
        terminal.write(predictions_csv(evaluation))
    else:
        for line in format_evaluation(evaluation, mistakes):
            terminal.say(line)


evaluate.__doc__ = f"{evaluate.__doc__}\n{EXAMPLE}"
