"""``tlx verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, DeviceOption, FormatOption, QuietOption, TextFormat, VerboseOption

EXAMPLE = """
\b
Example:  tlx verify model.onnx
          tlx verify int8.onnx --against fp32.onnx --photos photos/

Run it where the file is to work; it needs no photos and no training framework.
Exit code 1 if the known answers are wrong here, or the file isn't faster than the other one by --min-speedup.
"""


def verify(
    model: Annotated[Path, typer.Argument(help="A model file (.onnx).", metavar="MODEL.onnx")],
    against: Annotated[
        Path | None, typer.Option("--against", help="The fp32 file: be faster than it, on this device.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option("--photos", help="Folder of photos on which both files' labels are compared.")
    ] = None,
    min_speedup: Annotated[
        float, typer.Option("--min-speedup", min=0.01, help="How many times as fast it has to be, at least.")
    ] = 1.1,
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", min=0, help="Begin no round of the comparison that would end later.")
    ] = 45.0,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Processors to use; all that this process may, if left out.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Let a model file prove itself on this device: digest, contract, known answers, speed."""
    del verbose
    import json
    import shlex

    from tlx.errors import GateError
    from tlx.export import verification, verification_report
    from tlx.runtime.timing.model_setup import Place
    from tlx.runtime.timing.speed import SpeedPlan

    speed = SpeedPlan(Place(device.value, threads), min_speedup, max_seconds)
    plan = verification.VerifyPlan(model, against, photos, speed)
    with terminal.progress_bar(quiet=quiet) as progress:
        found = verification.verify(plan, progress=progress)
    if found.note and not quiet:
        terminal.note(f"tlx: warning: {found.note}")
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(verification_report.document_of(found), ensure_ascii=False, allow_nan=False))
    else:
        terminal.say("\n".join(terminal.rows(verification_report.rows_of(found))))
    if found.failures:
        raise GateError(f"{model}: {'; '.join(found.failures)}")
    if not quiet:
        unmeasured = found.contract.precision != "fp32" and against is None
        name = shlex.quote(str(model))
        terminal.next_command(
            f"tlx verify {name} --against FP32.onnx" if unmeasured else f"tlx classify {name} PHOTO_OR_FOLDER"
        )


verify.__doc__ = f"{verify.__doc__}\n{EXAMPLE}"
