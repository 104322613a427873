"""``tlx bench compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.cli.share import parse_share

EXAMPLE = """
\b
Example:  tlx bench model.onnx -o before.json
          tlx bench new.onnx -o after.json
          tlx bench compare before.json after.json --tolerance 5%

Exit code 1 if an engine became slower by more than the tolerance (the whole interval lies beyond it), fails now,
gives wrong answers now, or is missing now. --strict makes it 1, too, if that can't be ruled out.
"""


def bench_compare(
    before: Annotated[Path, typer.Argument(metavar="A.json", help="What 'tlx bench -o' wrote first.")],
    after: Annotated[Path, typer.Argument(metavar="B.json", help="What it wrote then.")],
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", parser=parse_share, metavar="SHARE", help="How much slower is no regression: 5% or 0.05."
        ),
    ] = "5%",  # type: ignore[assignment]
    relative: Annotated[
        bool,
        typer.Option("--relative", help="In units of the baseline's time: what slows the whole machine cancels."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1, too, if a regression can't be ruled out.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="An engine that only the first bench has is no regression.")
    ] = False,
    any_machine: Annotated[
        bool, typer.Option("--any-machine", help="Compare benches of different machines all the same.")
    ] = False,
    output_format: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Say what became faster or slower from one bench to another, or neither, and how sure that is."""
    del verbose
    import json

    from tlx.bench.comparing.compare import compare_benches
    from tlx.bench.comparing.conditions import check_conditions
    from tlx.bench.comparing.text import describe_comparison, format_comparison
    from tlx.bench.document import read_document

    first, second = read_document(before), read_document(after)
    notes = check_conditions(first, second, any_machine=any_machine)
    comparison = compare_benches(
        first, second, tolerance=tolerance, relative=relative, allow_missing=allow_missing, notes=notes
    )
    if output_format is TextFormat.JSON:
        terminal.say(json.dumps(describe_comparison(comparison), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        for line in format_comparison(comparison):
            terminal.say(line)
    for line in () if quiet else comparison.notes:
        terminal.note(f"note: {line}")
    if comparison.is_regression or (strict and comparison.may_be_regression):
        raise typer.Exit(1)


bench_compare.__doc__ = f"{bench_compare.__doc__}\n{EXAMPLE}"
