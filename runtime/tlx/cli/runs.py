"""``tlx runs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import InputError

EXAMPLE = """
\b
Example:  tlx runs
          tlx runs 2026-01-31T12-00-00-default latest

A run is named by its folder, by its name, or by latest. The last one listed is the newest. "accuracy" is that of the
weights that were kept, on the validation photos: those of the epoch with the lowest loss there, or of the last one
where the preset says so; "best" the highest of any epoch.
"""


def runs(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="A B", help="Two runs to compare.", show_default=False)
    ] = None,
    root: Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")] = Path("runs"),
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """List the runs with their accuracies, or compare two."""
    del verbose
    chosen = names or []
    if len(chosen) not in {0, 2}:
        hint = f" ('tlx info {chosen[0]}' shows one)" if len(chosen) == 1 else ""
        raise InputError(f"expected no run or two to compare, got {len(chosen)}{hint}")
    next_command = _compare(chosen, root, format_) if chosen else _list(root, format_)
    if next_command and not quiet:
        terminal.next_command(next_command)


def _list(root: Path, format_: TextFormat) -> str | None:
    """Print the list; gives the next command to type."""
    import json
    import shlex
    import shutil

    from tlx.core.comparing.document import describe_survey
    from tlx.core.comparing.listing import format_survey
    from tlx.core.comparing.survey import resume_command, runs_option, survey_runs

    survey = survey_runs(root)
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(describe_survey(survey)))
    else:
        for line in format_survey(survey, max(80, shutil.get_terminal_size().columns)):
            terminal.say(line)
    newest = [shlex.quote(run.name) for run in survey.finished[-2:]]
    if newest:
        command = "tlx runs" if len(newest) == 2 else "tlx evaluate"  # noqa: PLR2004 - two can be compared
        return f"{command} {' '.join(newest)}{runs_option(root)}"
    return resume_command(survey.unfinished[-1], root) if survey.unfinished else None


def _compare(names: list[str], root: Path, format_: TextFormat) -> str:
    """Print the comparison; gives the next command to type."""
    import json
    import shlex

    from tlx.core.comparing.compare import compare_runs
    from tlx.core.comparing.document import describe_comparison
    from tlx.core.comparing.survey import open_finished
    from tlx.core.comparing.text import format_comparison

    first, second = (open_finished(name, root) for name in names)
    comparison = compare_runs(first, second)
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(describe_comparison(comparison)))
    else:
        for line in format_comparison(comparison):
            terminal.say(line)
    better = max((first, second), key=lambda run: run.record.result.validation_accuracy)
    return f"tlx export model.onnx --run {shlex.quote(str(better.folder))}"


runs.__doc__ = f"{runs.__doc__}\n{EXAMPLE}"
