"""``tlx export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption


def export(
    output: Annotated[Path | None, typer.Argument(help="The file to write, such as model.onnx.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Publish into a models folder instead of a file.")
    ] = None,
    triton: Annotated[
        Path | None, typer.Option("--triton", metavar="FOLDER", help="Add it to a Triton model repository, too.")
    ] = None,
    run: Annotated[str, typer.Option("--run", "-r", help="A run's folder, its name, or latest.")] = "latest",
    photos: Annotated[
        Path | None,
        typer.Option("--photos", help="Folder of photos for the parity gate (default: the run's validation photos)."),
    ] = None,
    parity_photos: Annotated[
        int, typer.Option("--parity-photos", min=1, help="How many photos the parity gate compares at most.")
    ] = 500,
    opset: Annotated[int, typer.Option("--opset", min=13, help="ONNX operator set, at most 18.")] = 17,
    runs: Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")] = Path("runs"),
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Turn a run into one self-contained ONNX file.

    It leaves only if it predicts what Keras predicts: the same label on every photo and each probability within
    1e-4, measured from file bytes to label in two separate processes.

    Example:  tlx export model.onnx
    """
    del verbose
    import json
    import shlex

    from tlx.core.handover import photos_for_parity, trained_model
    from tlx.core.runs import open_run
    from tlx.export.destination import choose_destination, deliver
    from tlx.export.exporter import choose_photos, export_model

    destination = choose_destination(output, to, triton)
    chosen_run = open_run(run, runs)
    candidates = choose_photos(photos_for_parity(chosen_run, photos), parity_photos)
    with terminal.progress_bar(quiet=quiet) as progress:
        trained = trained_model(chosen_run)
        delivered = deliver(
            destination,
            trained.labels,
            lambda file: export_model(trained, file, photos=candidates, opset=opset, progress=progress),
        )
    exported = delivered.exported
    if format_ is TextFormat.JSON:
        document = {
            "path": str(exported.path),
            "size_bytes": exported.size_bytes,
            "sha256": exported.sha256,
            "nodes": exported.nodes,
            "contract": exported.contract.to_dict(),
            "triton": str(delivered.triton_version) if delivered.triton_version else None,
        }
        terminal.say(json.dumps(document, ensure_ascii=False))
    else:
        parity = exported.parity
        terminal.say(
            f"{exported.path}: {exported.size_bytes / 1e6:.1f} MB, {exported.nodes} nodes, from {chosen_run.folder}"
        )
        terminal.say(
            f"parity with Keras: same label on {parity.labels_equal} of {parity.photos} photos, largest difference "
            f"of a probability {parity.max_abs_difference:.1e} (allowed {parity.tolerance:g})"
        )
        if delivered.triton_version:
            terminal.say(f"Triton: {delivered.triton_version}")
    if not quiet:
        terminal.next_command(f"tlx classify {shlex.quote(str(destination.shown))} PHOTO_OR_FOLDER_OR_CAMERA_NUMBER")
