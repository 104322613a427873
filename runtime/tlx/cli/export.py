"""``tlx export``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import InputError

if TYPE_CHECKING:
    from tlx.contract import Contract
    from tlx.export.exporter import TrainedModel


EXAMPLE = """
\b
Example:  tlx export model.onnx
          tlx export model.onnx --keras cats_and_dogs_small_4.h5 --labels cats,dogs --preprocess rescale
              --resize nearest --photos photos/validation

For a Keras file, imagenet is what VGG16 and ResNet50 take, signed MobileNetV2 (-1 to 1), rescale the book (0 to 1).
"""


class Preprocess(StrEnum):
    """What training did to pixels of 0–255; see :mod:`tlx.export.preprocessing`."""

    IMAGENET = "imagenet"
    RESCALE = "rescale"
    SIGNED = "signed"
    NONE = "none"


class Resize(StrEnum):
    """How training resized its photos."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    AREA = "area"


def export(
    output: Annotated[Path, typer.Argument(help="The file to write, such as model.onnx.")],
    run: Annotated[
        str | None, typer.Option("--run", "-r", help="A run's folder, its name, or latest.", show_default="latest")
    ] = None,
    keras: Annotated[
        Path | None, typer.Option("--keras", metavar="FILE", help="A .keras or .h5 file in place of a run.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="A,B|FILE.txt", help="With --keras: the labels of its outputs.")
    ] = None,
    preprocess: Annotated[
        Preprocess | None, typer.Option("--preprocess", help="With --keras: what training did to pixels of 0-255.")
    ] = None,
    resize: Annotated[
        Resize | None, typer.Option("--resize", help="With --keras: how training resized (the book: nearest).")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=1, max=4096, help="With --keras: pixels a side, if it takes any.")
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option("--min-accuracy", min=0, max=1, help="With --keras: the lowest on labelled photos."),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            help="Folder of photos for the gates (default: the run's validation photos); with --keras best one folder "
            "for each label.",
        ),
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
    """
    del verbose
    import json

    from tlx.export.exporter import choose_photos, export_model

    claims: dict[str, Any] = {"--labels": labels, "--preprocess": preprocess, "--resize": resize, "--size": size}
    claims["--min-accuracy"] = min_accuracy
    if keras is None:
        _refuse_claims(claims)
        trained, found, origin = _from_run(run, runs, photos)
    else:
        if run is not None:
            raise InputError(f"--run {run} and --keras {keras}: name one of them")
        trained, found = _from_file(keras, claims, photos)
        origin = keras
    candidates = choose_photos(found, parity_photos)
    with terminal.progress_bar(quiet=quiet) as progress:
        exported = export_model(trained, output, photos=candidates, opset=opset, progress=progress)
    if format_ is TextFormat.JSON:
        document = {
            "path": str(exported.path),
            "size_bytes": exported.size_bytes,
            "sha256": exported.sha256,
            "nodes": exported.nodes,
            "contract": exported.contract.to_dict(),
        }
        terminal.say(json.dumps(document, ensure_ascii=False))
    else:
        parity = exported.parity
        terminal.say(f"{exported.path}: {exported.size_bytes / 1e6:.1f} MB, {exported.nodes} nodes, from {origin}")
        terminal.say(
            f"parity with Keras: same label on {parity.labels_equal} of {parity.photos} photos, largest difference "
            f"of a probability {parity.max_abs_difference:.1e} (allowed {parity.tolerance:g})"
        )
        if keras is not None:
            _say_accuracy(exported.contract)
    if not quiet:
        terminal.next_command(f"tlx classify {exported.path} PHOTO_OR_FOLDER_OR_CAMERA_NUMBER")


def _refuse_claims(claims: Mapping[str, Any]) -> None:
    given = [option for option, value in claims.items() if value is not None]
    if given:
        raise InputError(f"{given[0]} goes with --keras FILE: a run knows its own")


def _from_run(run: str | None, runs: Path, photos: Path | None) -> tuple[TrainedModel, list[Path], Path]:
    from tlx.core.handover import photos_for_parity, trained_model
    from tlx.core.runs import open_run

    chosen = open_run(run or "latest", runs)
    return trained_model(chosen), photos_for_parity(chosen, photos), chosen.folder


def _from_file(keras: Path, claims: Mapping[str, Any], photos: Path | None) -> tuple[TrainedModel, list[Path]]:
    from tlx.core.keras_handover import foreign_model_and_photos
    from tlx.export.foreign import KerasRequest

    preprocess, resize = claims["--preprocess"], claims["--resize"]
    request = KerasRequest(
        file=keras,
        labels=claims["--labels"],
        preprocessing=preprocess and preprocess.value,
        resize=resize and resize.value,
        photos=photos,
        size=claims["--size"],
        minimum=claims["--min-accuracy"],
    )
    return foreign_model_and_photos(request)


def _say_accuracy(contract: Contract) -> None:
    accuracy = contract.export.accuracy if contract.export else None
    if accuracy is None:
        terminal.say(
            "accuracy: not measured, the photos lie in no folders called like the labels "
            f"({', '.join(contract.labels[:10])}): nothing shows that labels and preprocessing are right"
        )
        return
    sure = "better than guessing" if accuracy.verdict == "passed" else accuracy.verdict
    terminal.say(
        f"accuracy: right on {accuracy.correct} of {accuracy.photos} labelled photos "
        f"({accuracy.correct / accuracy.photos:.3f}), {sure}"
    )


export.__doc__ = f"{inspect.cleandoc(export.__doc__ or '')}\n{EXAMPLE}"
