"""``tlx loadgen``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, DeviceOption, FormatOption, QuietOption, TextFormat, VerboseOption

EXAMPLE = """
\b
Example:  tlx loadgen model.onnx --photos photos/validation --logs loadgen
          tlx loadgen model.onnx --scenario Server --target-qps 15 --target-latency-ms 100

Times are those that MLPerf LoadGen measured and wrote into its own logs, which stay in the folder. MLPerf's own
rules ask for --seconds 600. Exit code 1 if the answers that LoadGen logged aren't the model's.
"""
WRONG_ANSWERS = 1


def loadgen(
    model: Annotated[Path, typer.Argument(help="Model file (.onnx).", metavar="MODEL.onnx")],
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", help="SingleStream, MultiStream, Offline or Server; again for more (default: all)."),
    ] = None,
    logs: Annotated[Path, typer.Option("--logs", help="Folder for LoadGen's logs and result.json.")] = Path("loadgen"),
    photos: Annotated[Path | None, typer.Option("--photos", help="Folder of photos (default: by formula).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most this many photos.")] = 50,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Each scenario takes at least so long.")] = 10.0,
    batch: Annotated[
        int, typer.Option("--batch", "-b", min=1, help="Photos a call at most (SingleStream: always 1).")
    ] = 1,
    samples_per_query: Annotated[
        int, typer.Option("--samples-per-query", min=1, help="Photos a query in MultiStream.")
    ] = 8,
    target_qps: Annotated[
        float | None,
        typer.Option("--target-qps", min=0.001, help="Server: queries a second (default: half of the possible)."),
    ] = None,
    target_latency_ms: Annotated[
        float, typer.Option("--target-latency-ms", min=0.001, help="Server: 99 % of the answers within this.")
    ] = 100.0,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the engine (default: all processors allowed).")
    ] = None,
    device: DeviceOption = Device.AUTO,
    output_format: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a model under MLPerf LoadGen, an outside referee for latency and throughput."""
    del verbose
    import json
    import sys

    from tlx import atomic
    from tlx.bench.loadgen.loadgen import LoadgenOptions, check_scenarios, run_loadgen
    from tlx.bench.loadgen.messages import SCENARIOS
    from tlx.bench.loadgen.table import format_table
    from tlx.bench.typed_command import typed_command

    options = LoadgenOptions(
        model=model,
        logs=logs,
        scenarios=check_scenarios(scenario) if scenario else SCENARIOS,
        photos=photos,
        limit=limit,
        seconds=seconds,
        samples_per_query=samples_per_query,
        max_batch=batch,
        target_qps=target_qps,
        target_latency_ms=target_latency_ms,
        threads=threads,
        device=device.value,
    )
    with terminal.progress_bar(quiet=quiet) as progress:
        report = run_loadgen(options, command=typed_command(["tlx", *sys.argv[1:]]), progress=progress)
    for line in () if quiet else report.notes:
        terminal.note(f"note: {line}")
    try:
        if output_format is TextFormat.JSON:
            terminal.say(json.dumps(report.document, indent=2, ensure_ascii=False, allow_nan=False))
        else:
            for line in format_table(report.scenarios):
                terminal.say(line)
    finally:
        atomic.write_json(options.result_path, report.document)
    if not all(one.agreement.agrees for one in report.scenarios):
        terminal.note("tlx: error: the answers that LoadGen logged aren't the model's own")
        raise typer.Exit(WRONG_ANSWERS)
    if not quiet:
        terminal.next_command(f"tlx bench {model}")


loadgen.__doc__ = f"{loadgen.__doc__}\n{EXAMPLE}"
