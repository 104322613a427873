"""``tlx compress``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import GateError

if TYPE_CHECKING:
    from tlx.core.runs import CompressionRecord, Run

EXAMPLE = """
\b
Example:  tlx compress --speedup 12              (the newest run; the most accurate network that is as fast)
          tlx compress latest --max-drop 0.5     (the fastest network that loses no more)
          tlx compress 2026-11-24T10-00-00-default --latency-ms 3 --max-drop 1 --minutes 60

Speed is that of one picture on this device's CPU, against the fp32 file of the run itself; where the processor has
instructions for eight bits, that of the smaller network as int8, which is then part of the speed. The new run is
exported, evaluated and benched like any other: tlx export model.onnx --precision int8
"""


class MeantPrecision(StrEnum):
    """What the smaller network is to be exported as; auto: int8 where the processor has instructions for it."""

    AUTO = "auto"
    FP32 = "fp32"
    INT8 = "int8"


def compress(
    run: Annotated[str, typer.Argument(help="The run to make smaller: its folder, its name, or latest.")] = "latest",
    speedup: Annotated[
        float | None,
        typer.Option(
            "--speedup", metavar="TIMES", help="So many times as fast as the run's fp32 file, exported as --precision."
        ),
    ] = None,
    latency_ms: Annotated[
        float | None, typer.Option("--latency-ms", metavar="MS", help="At most so long for a picture, on this device.")
    ] = None,
    max_drop: Annotated[
        float | None, typer.Option("--max-drop", metavar="POINTS", help="Points of accuracy that it may lose at most.")
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            "--minutes",
            help="For recovery, that is answers of the original and learning; with --max-drop for all networks. "
            "The rest takes 5 to 8 minutes more; so may answers where the cache has none.",
        ),
    ] = 30.0,
    precision: Annotated[
        MeantPrecision,
        typer.Option(
            "--precision",
            help="What the smaller network is to be exported as: its times are of that (auto: int8 where fast).",
        ),
    ] = MeantPrecision.AUTO,
    size: Annotated[
        int | None, typer.Option("--size", min=32, help="A smaller input in pixels, as in 112 (default: the run's).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads that are timed (default: all processors allowed).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the looks and of the order of learning.")] = 0,
    runs: Annotated[Path, typer.Option("--runs", help="Folder of the runs.")] = Path("runs"),
    cache_gb: Annotated[float, typer.Option("--cache-gb", min=0.1, help="Most that cached features may take.")] = 20.0,
    output_format: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a run smaller and faster: fewer channels, taught by the original."""
    del verbose
    import json

    from tlx.core.compress.bounds import Bounds
    from tlx.core.compress.compress import Listener
    from tlx.core.compress.compress import compress as compress_run
    from tlx.core.compress.options import Options
    from tlx.core.compress.summary import breaks_promise, headline, missed_bounds, refusals
    from tlx.core.runs import open_run
    from tlx.progress import deaf

    options = Options(
        bounds=Bounds(speedup, latency_ms, max_drop),
        minutes=minutes,
        int8=None if precision == MeantPrecision.AUTO else precision == MeantPrecision.INT8,
        size=size,
        threads=threads,
        seed=seed,
        cache_gb=cache_gb,
        runs_root=runs,
    )
    original = open_run(run, runs)
    with terminal.progress_bar(quiet=quiet) as progress:
        made = compress_run(original, options, Listener(progress, deaf if quiet else terminal.note))
    record = made.record.compression
    assert record is not None
    if output_format == TextFormat.JSON:
        terminal.say(json.dumps({"run": str(made.folder)} | record.model_dump(mode="json")))
    else:
        terminal.say(f"{made.folder}: {headline(record)}")
        if not quiet:
            _tell(made, record)
    if breaks_promise(record):
        words = [*missed_bounds(record), *refusals(record), f"The run {made.folder} is kept"]
        raise GateError(" ".join(words))


def _tell(made: Run, record: CompressionRecord) -> None:
    from tlx.core.comparing.survey import runs_option
    from tlx.core.compress.summary import compression_lines, missed_bounds, needless_speed, refusals

    for line in (*compression_lines(record), *missed_bounds(record), *refusals(record), *needless_speed(record)):
        terminal.note(line)
    terminal.note(f"report: {made.folder / 'report.html'}")
    precision_option = " --precision int8" if record.precision == "int8" else ""
    terminal.next_command(f"tlx export model.onnx{precision_option}{runs_option(made.folder.parent)}")


compress.__doc__ = f"{compress.__doc__}\n{EXAMPLE}"
