"""``tlx models``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import InputError

if TYPE_CHECKING:
    from tlx.runtime.model_publishing import Switch

EXAMPLE = """
\b
Example:  tlx models models/
          tlx models models/ --rollback
          tlx models models/ --use 4f0c91
          tlx models models/ --add model.onnx

FOLDER is one that 'tlx export --to FOLDER' made. A version is checked before it becomes current; no version is ever
deleted. A second rollback goes back one further.
"""


def models(
    folder: Annotated[Path, typer.Argument(help="The models folder.")] = Path("models"),
    rollback: Annotated[bool, typer.Option("--rollback", help="Make the one current that was it before.")] = False,
    version: Annotated[
        str | None, typer.Option("--use", metavar="VERSION", help="Make this one current; its first characters do.")
    ] = None,
    add: Annotated[
        Path | None, typer.Option("--add", metavar="FILE", help="Add an exported .onnx file and make it current.")
    ] = None,
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """List the versions in a models folder, or change which one is current.

    It's one step for whoever reads the folder: the old model or the new one, whole.
    """
    del verbose
    import json
    import shlex

    from tlx.runtime.model_listing import describe_listing, format_listing, list_versions

    switch = _change(folder, rollback=rollback, version=version, add=add)
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(describe_listing(list_versions(folder)), ensure_ascii=False))
    elif switch is not None:
        terminal.say(_describe(switch))
    else:
        for line in format_listing(list_versions(folder)):
            terminal.say(line)
    if not quiet:
        terminal.next_command(f"tlx {'models' if switch else 'info'} {shlex.quote(str(folder))}")


def _change(folder: Path, *, rollback: bool, version: str | None, add: Path | None) -> Switch | None:
    from tlx.runtime.model_file import ModelFile
    from tlx.runtime.model_publishing import publish, roll_back, use

    if sum((rollback, version is not None, add is not None)) > 1:
        raise InputError("expected one of --rollback, --use and --add, got more: name one")
    if rollback:
        return roll_back(folder)
    if version is not None:
        return use(folder, version)
    return publish(folder, ModelFile.read(add)) if add is not None else None


def _describe(switch: Switch) -> str:
    from tlx.runtime.model_registry import SHORT

    name = switch.sha256[:SHORT]
    if switch.previous == switch.sha256:
        return f"{name} is current, as it was before"
    before = "there was none" if switch.previous is None else f"it was {switch.previous[:SHORT]}"
    return f"{name} is current now; before, {before}"


models.__doc__ = f"{models.__doc__}\n{EXAMPLE}"
