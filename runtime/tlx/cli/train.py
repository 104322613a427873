"""``tlx train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import QuietOption, VerboseOption
from tlx.errors import InputError

EXAMPLE = """
Example:  tlx train photos            (photos/cats/*.jpg, photos/dogs/*.jpg, ...)

DATA holds one folder of photos for each class, or train/ and validation/ folders of that kind.
"""


def train(
    data: Annotated[Path, typer.Argument(help="Folder of photos: one folder for each class.")],
    preset: Annotated[
        str | None,
        typer.Option("--preset", "-p", help="features (default), or book-features: the book's exact regime."),
    ] = None,
    from_run: Annotated[
        str | None, typer.Option("--from", help="Start from an earlier run: its folder, its name, or latest.")
    ] = None,
    weights: Annotated[
        str, typer.Option("--weights", help="imagenet, none (random, for tests), or a file (.h5, .keras, .onnx).")
    ] = "imagenet",
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Another number of epochs.")] = None,
    size: Annotated[int | None, typer.Option("--size", help="Another input size in pixels (square).")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse photos that can't be read.")] = False,
    runs: Annotated[Path, typer.Option("--runs", help="Folder for the runs.")] = Path("runs"),
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train a classifier on a folder of photos."""
    del verbose
    from tlx.core.recipes import DEFAULT_PRESET, find_preset
    from tlx.core.runs import open_run
    from tlx.core.train import Listener, TrainOptions
    from tlx.core.train import train as train_run
    from tlx.progress import deaf

    started_from = open_run(from_run, runs) if from_run else None
    if started_from and (preset or size or weights != "imagenet"):
        raise InputError("--from continues a run as it is: leave out --preset, --size and --weights")
    recipe = started_from.recipe if started_from else find_preset(preset or DEFAULT_PRESET)
    options = TrainOptions(
        recipe=recipe.changed(epochs=epochs, size=size),
        seed=seed,
        weights=weights,
        started_from=started_from,
        strict=strict,
        runs_root=runs,
    )
    with terminal.progress_bar(quiet=quiet) as progress:
        run = train_run(data, options, Listener(progress, deaf if quiet else terminal.note))
    result = run.record.result
    validation_photos = sum(run.record.data.counts["validation"].values())
    terminal.say(
        f"{run.folder}: validation accuracy {result.validation_accuracy:.4f} on {validation_photos} photos "
        f"(epoch {result.kept_epoch} of {result.epochs}), training accuracy {result.training_accuracy:.4f}"
    )
    if not quiet:
        terminal.note(f"curves: {run.folder / 'curves.png'}")
        terminal.next_command("tlx export model.onnx")


train.__doc__ = f"{train.__doc__}\n{EXAMPLE}"
