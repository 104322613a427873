"""``tlx bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.cli.share import parse_share
from tlx.errors import InputError

if TYPE_CHECKING:
    from tlx.bench.bench import BenchReport

EXAMPLE = """
\b
Example:  tlx bench model.onnx
          tlx bench fp32.onnx int8.onnx --keras latest --photos photos/validation
          tlx bench model.onnx --batch 1 --batch 8 --max-seconds 600

Each engine runs in a process of its own, on the same photos, threads and processors, in interleaved rounds; each
batch size and number of threads is a row. The rounds end when all is known within --margin.

Exit code 1 if an engine computes something else than its network (WRONG), 2 if one failed: all are reported all the
same; 3 if a device that was named isn't there.

'tlx bench compare A.json B.json' tells what became faster or slower from one bench to another, 'tlx bench report
A.json --html FILE' shows one again.
"""
WRONG_ANSWERS, ENGINE_FAILED = 1, 2


def bench(
    models: Annotated[list[Path], typer.Argument(help="Model files (.onnx).", metavar="MODEL.onnx...")],
    keras: Annotated[
        str | None,
        typer.Option(
            "--keras",
            metavar="RUN",
            help="Run whose Keras model is the baseline (default: the one that the file names); none for no Keras.",
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            help="Folder of photos, in folders named as labels for accuracy (default: the run's validation photos).",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many photos, drawn by --seed.")] = 50,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", "-b", min=1, help="Photos a call (default: 1); give it several times."),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            "--threads", min=1, help="Threads of each engine; give it several times (default: all processors allowed)."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            parser=parse_share,
            metavar="SHARE",
            help="End once each median and ratio is known within this, as in 2% or 0.02 (default: 2%); 0: go on until "
            "--max-seconds, as a p99 needs.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            min=1,
            help="End after so many turns of each engine, whatever is known by then; in place of --margin.",
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds",
            min=0,
            help="Begin no round that would end later than this, loading and warming up included "
            "(default: 90, or no limit with --rounds). What --measure takes comes after it.",
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine", metavar="NAME", help="Only these, as in keras.xla or 'onnxruntime.*'; give it several times."
        ),
    ] = None,
    keras_python: Annotated[
        Path | None,
        typer.Option("--keras-python", metavar="PYTHON", help="Run Keras in the environment of this interpreter."),
    ] = None,
    measure: Annotated[
        str,
        typer.Option(
            "--measure",
            metavar="A,B",
            help="What to measure beside the latency: some of stages (from file to label), memory, energy, transfers "
            "(to and from a GPU) and cold-start, with commas between them; all; none.",
        ),
    ] = "stages,memory,energy,transfers",
    sustained: Annotated[
        float | None,
        typer.Option(
            "--sustained",
            metavar="SECONDS",
            help="In the end run each row so long (120 or more) without a pause: photos/s at first and later.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", help="Decides which photos are drawn, and the order of the engines in each round.")
    ] = 0,
    device: Annotated[
        Device,
        typer.Option(
            "--device",
            "-d",
            help="auto measures ONNX Runtime on the CPU and on each other device that works; one that is named is the "
            "only one, and an error where it doesn't work (trt: TensorRT).",
        ),
    ] = Device.AUTO,
    output_format: FormatOption = TextFormat.TEXT,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the JSON report to this file.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page with charts to this file.")] = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compare Keras and ONNX Runtime on this machine: latency and agreement."""
    del verbose
    import sys

    from tlx.bench.bench import run_bench
    from tlx.bench.prepare import BenchOptions
    from tlx.bench.typed_command import typed_command

    options = BenchOptions(
        models=tuple(models),
        keras=keras,
        photos=photos,
        limit=limit,
        batches=tuple(dict.fromkeys(batch or [1])),
        threads=tuple(dict.fromkeys(threads or [])),
        rounds=rounds,
        max_seconds=max_seconds,
        margin=margin,
        device=device.value,
        engines=tuple(engine or []),
        keras_python=keras_python,
        seed=seed,
        measure=measure,
        sustained_s=sustained,
    )
    if rounds is not None and margin is not None:
        raise InputError("rounds end by --rounds or by --margin, received both: leave one of them out")
    _require_files(models, output, html)
    command = typed_command(["tlx", *sys.argv[1:]])
    with terminal.progress_bar(quiet=quiet) as progress:
        report = run_bench(options, command=command, progress=progress)
    try:
        _show(report, output_format, quiet=quiet)
    finally:  # whatever became of the one, the other is tried: the measurement took minutes
        _write_files(report, output, html)
    if not quiet:
        for path in filter(None, (output, html)):
            terminal.note(f"report: {path}")
    for problem in (*report.wrong, *report.failures):
        terminal.note(f"tlx: error: {problem}")
    if report.interrupted:
        raise KeyboardInterrupt
    if report.failures:
        raise typer.Exit(ENGINE_FAILED)
    if report.wrong:
        raise typer.Exit(WRONG_ANSWERS)
    if not quiet:
        terminal.next_command(f"tlx classify {models[0]} {photos or 'PHOTO.jpg'}")


def _require_files(models: list[Path], output: Path | None, html: Path | None) -> None:
    """Each report can be written, and takes the place of nothing that the bench reads or writes."""
    from tlx import atomic

    taken = {path.resolve(): f"the model {path}" for path in models}
    for option, path in (("--output", output), ("--html", html)):
        if path is None:
            continue
        if path.resolve() in taken:
            raise InputError(f"{option} {path}: is {taken[path.resolve()]}: name another file")
        taken[path.resolve()] = f"{option}'s file, too"
        atomic.require_writable(path)


def _show(report: BenchReport, output_format: TextFormat, *, quiet: bool) -> None:
    import json

    for line in () if quiet else report.notes:
        terminal.note(f"note: {line}")
    if output_format is TextFormat.JSON:
        terminal.say(json.dumps(report.document, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        for line in report.table:
            terminal.say(line)


def _write_files(report: BenchReport, output: Path | None, html: Path | None) -> None:
    """Both, even if one can't be written; only then comes the error."""
    from tlx import atomic
    from tlx.bench.page.page import write_page

    try:
        if output is not None:
            atomic.write_json(output, report.document)
    finally:
        if html is not None:
            write_page(report.bench, html)


bench.__doc__ = f"{bench.__doc__}\n{EXAMPLE}"
