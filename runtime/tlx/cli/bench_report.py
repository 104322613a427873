"""``tlx bench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import QuietOption, VerboseOption
from tlx.errors import InputError

EXAMPLE = """
\b
Example:  tlx bench report bench.json
          tlx bench report bench.json --html bench.html
"""


def bench_report(
    bench: Annotated[Path, typer.Argument(metavar="BENCH.json", help="What 'tlx bench -o' wrote.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with charts to this file.")] = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show a bench again: its table, or a page with charts."""
    del verbose
    from tlx.bench.document import read_document
    from tlx.bench.page.page import write_page
    from tlx.bench.table import format_bench

    document = read_document(bench)
    if html is not None:
        if html.resolve() == bench.resolve():
            raise InputError(f"--html {html}: is the bench itself: name another file")
        write_page(document, html)
    else:
        for line in format_bench(document):
            terminal.say(line)
    if quiet:
        return
    for line in document.notes:
        terminal.note(f"note: {line}")
    if html is not None:
        terminal.note(f"report: {html}")


bench_report.__doc__ = f"{bench_report.__doc__}\n{EXAMPLE}"
