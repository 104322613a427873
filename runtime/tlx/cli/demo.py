"""``tlx demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import QuietOption, VerboseOption
from tlx.errors import GateError


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for everything that it makes.")] = Path("demo"),
    weights: Annotated[
        str, typer.Option("--weights", help="imagenet, or your own file (.h5, .keras, .onnx).")
    ] = "imagenet",
    bench_seconds: Annotated[
        float, typer.Option("--bench-seconds", min=1, help="How long Keras and ONNX Runtime are compared.")
    ] = 20.0,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run the whole chain on three photographs: train, export, prove, classify a video, bench.

    It takes one or two minutes and needs no photos of yours: it shows that everything works on this machine.

    Example:  tlx demo
    """
    del verbose
    from tlx.core.training.train import Listener
    from tlx.demo.chain import DemoOptions, run_demo
    from tlx.demo.summary import find_faults, summarize
    from tlx.progress import deaf

    with terminal.progress_bar(quiet=quiet) as progress:
        listener = Listener(progress, deaf if quiet else terminal.note)
        result = run_demo(DemoOptions(output, weights, bench_seconds), listener)
    for line in summarize(result):
        terminal.say(line)
    faults = find_faults(result)
    if faults:
        raise GateError(f"the chain doesn't work as it should on this machine: {'; '.join(faults)}")
