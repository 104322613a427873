"""``tlx export``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, QuietOption, TextFormat, VerboseOption
from tlx.errors import InputError

if TYPE_CHECKING:
    from tlx.export.accuracy import LabelledPhoto
    from tlx.export.fp32 import TrainedModel
    from tlx.export.gates.gate import Gate


EXAMPLE = """
\b
Example:  tlx export model.onnx
          tlx export model.onnx --precision auto
          tlx export --to models/ --precision int8 --max-drop 0.3
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


class WantedPrecision(StrEnum):
    """What the network computes in; auto takes the fastest that passes the gates, or else fp32."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"
    AUTO = "auto"


_NEEDS_CALIBRATION = (WantedPrecision.INT8, WantedPrecision.AUTO)


class TargetChoice(StrEnum):
    """See :mod:`tlx.export.precision.targets`."""

    THIS_MACHINE = "this-machine"
    AVX2 = "avx2"
    VNNI = "vnni"
    ARM64 = "arm64"
    CUDA = "cuda"


def export(
    output: Annotated[Path | None, typer.Argument(help="The file to write, such as model.onnx.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Publish into a models folder instead of a file.")
    ] = None,
    triton: Annotated[
        Path | None, typer.Option("--triton", metavar="FOLDER", help="Add it to a Triton model repository, too.")
    ] = None,
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
    precision: Annotated[
        WantedPrecision, typer.Option("--precision", help="A cheaper one is published only if it passes all gates.")
    ] = WantedPrecision.FP32,
    target: Annotated[
        TargetChoice, typer.Option("--target", help="What it is to run on; elsewhere 'tlx verify' measures the speed.")
    ] = TargetChoice.THIS_MACHINE,
    calibrate: Annotated[
        Path | None,
        typer.Option("--calibrate", metavar="FOLDER", help="Photos to find int8's ranges on (default: training's)."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option("--max-drop", min=0, max=100, help="Points of accuracy that a cheaper file may lose.")
    ] = 0.5,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a cheaper file, too, if there are too few photos to tell.")
    ] = False,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            help="Folder of photos for the gates, best one folder for each label (default: the run's validation "
            "photos).",
        ),
    ] = None,
    parity_photos: Annotated[
        int, typer.Option("--parity-photos", min=1, help="How many photos the parity gate compares at most.")
    ] = 500,
    skip_parity_gate: Annotated[
        bool, typer.Option("--skip-parity-gate", help="Publish without comparing it with Keras.")
    ] = False,
    skip_accuracy_gate: Annotated[
        bool, typer.Option("--skip-accuracy-gate", help="Publish however accurate it is.")
    ] = False,
    skip_speed_gate: Annotated[
        bool, typer.Option("--skip-speed-gate", help="Publish a cheaper file however fast it is.")
    ] = False,
    opset: Annotated[int, typer.Option("--opset", min=13, help="ONNX operator set, at most 18.")] = 17,
    runs: Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")] = Path("runs"),
    format_: FormatOption = TextFormat.TEXT,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Turn a run into one self-contained ONNX file.

    It leaves only if it predicts what Keras predicts: the same label on every photo and each probability within
    1e-4, measured from file bytes to label in two separate processes. A cheaper precision has to lose no more than
    --max-drop points of accuracy against that fp32 file, and to be at least 1.1 times as fast. A gate that is skipped
    is named in the file.
    """
    del verbose
    import json
    import shlex

    from tlx.export.cheaper import PrecisionPlan
    from tlx.export.destination import choose_destination, deliver
    from tlx.export.exporter import ExportPlan, export_model
    from tlx.export.photo_choice import ACCURACY_PHOTOS, choose_photos
    from tlx.export.precision.targets import THIS_MACHINE
    from tlx.export.summary import export_document, export_lines

    destination = choose_destination(output, to, triton)
    if calibrate is not None and precision not in _NEEDS_CALIBRATION:
        raise InputError(f"--calibrate goes with --precision int8 or auto, not with {precision.value}")
    claims: dict[str, Any] = {"--labels": labels, "--preprocess": preprocess, "--resize": resize, "--size": size}
    claims["--min-accuracy"] = min_accuracy
    if keras is None:
        _refuse_claims(claims)
        source = _from_run(run, runs, _Folders(photos, calibrate), precision)
    elif run is not None:
        raise InputError(f"--run {run} and --keras {keras}: name one of them")
    else:
        source = _from_file(keras, claims, _Folders(photos, calibrate))
    plan = ExportPlan(
        photos=choose_photos(source.photos, parity_photos),
        opset=opset,
        precision=PrecisionPlan(
            wanted=precision.value,
            target=THIS_MACHINE if target is TargetChoice.THIS_MACHINE else target.value,
            calibration=source.calibration,
            labelled=choose_photos(source.labelled, ACCURACY_PHOTOS),
            max_drop_points=max_drop,
            strict=strict,
            minimum_accuracy=min_accuracy or 0.0,
            skipped=_skipped(parity=skip_parity_gate, accuracy=skip_accuracy_gate, speed=skip_speed_gate),
        ),
        picture=destination.beside(".worst.png"),
        keep_fp32=destination.beside(".fp32.onnx"),
    )
    with terminal.progress_bar(quiet=quiet) as progress:
        delivered = deliver(
            destination, source.trained.labels, lambda file: export_model(source.trained, file, plan, progress)
        )
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(export_document(delivered), ensure_ascii=False))
    else:
        for line in export_lines(delivered, source.origin, is_run=source.is_run):
            terminal.say(line)
    if not quiet:
        terminal.next_command(f"tlx classify {shlex.quote(str(destination.shown))} PHOTO_OR_FOLDER_OR_CAMERA_NUMBER")


@dataclass(frozen=True, slots=True)
class _Folders:
    photos: Path | None
    calibrate: Path | None


@dataclass(frozen=True, slots=True)
class _Source:
    """What is exported, and the photos for it."""

    trained: TrainedModel
    photos: list[Path]
    labelled: list[LabelledPhoto]
    calibration: list[Path]
    origin: Path
    is_run: bool


def _skipped(**switched_off: bool) -> frozenset[Gate]:
    from tlx.export.gates.gate import Gate

    return frozenset(Gate(name) for name, is_off in switched_off.items() if is_off)


def _refuse_claims(claims: Mapping[str, Any]) -> None:
    given = [option for option, value in claims.items() if value is not None]
    if given:
        raise InputError(f"{given[0]} goes with --keras FILE: a run knows its own")


def _from_run(run: str | None, runs: Path, folders: _Folders, precision: WantedPrecision) -> _Source:
    from tlx.core.handover import calibration_photos, labelled_photos, photos_for_parity, trained_model
    from tlx.core.runs import open_run

    chosen = open_run(run or "latest", runs)
    return _Source(
        trained_model(chosen),
        photos_for_parity(chosen, folders.photos),
        labelled_photos(chosen, folders.photos) if precision is not WantedPrecision.FP32 else [],
        calibration_photos(chosen, folders.calibrate) if precision in _NEEDS_CALIBRATION else [],
        chosen.folder,
        is_run=True,
    )


def _from_file(keras: Path, claims: Mapping[str, Any], folders: _Folders) -> _Source:
    from tlx.core.handover import photos_below_folder
    from tlx.core.keras_handover import foreign_model_and_photos
    from tlx.export.foreign import KerasRequest

    preprocess, resize = claims["--preprocess"], claims["--resize"]
    request = KerasRequest(
        file=keras,
        labels=claims["--labels"],
        preprocessing=preprocess and preprocess.value,
        resize=resize and resize.value,
        photos=folders.photos,
        size=claims["--size"],
        minimum=claims["--min-accuracy"],
    )
    trained, photos = foreign_model_and_photos(request)
    truths = trained.claim.truths if trained.claim else {}
    labelled = [(path, trained.labels.index(label)) for path, label in truths.items()]
    # Not the photos of the gate: ranges that were found on them would flatter it.
    calibration = photos_below_folder(folders.calibrate) if folders.calibrate else []
    return _Source(trained, photos, labelled, calibration, keras, is_run=False)


export.__doc__ = f"{inspect.cleandoc(export.__doc__ or '')}\n{EXAMPLE}"
