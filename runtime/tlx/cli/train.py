"""``tlx train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlx.cli import terminal
from tlx.cli.options import QuietOption, VerboseOption
from tlx.errors import InputError

if TYPE_CHECKING:
    from tlx.core.recipes.recipe import Recipe
    from tlx.core.runs import Run

EXAMPLE = """
\b
Example:  tlx train photos            (photos/cats/*.jpg, photos/dogs/*.jpg, ...)
          tlx train --resume          (go on with an interrupted training)
          tlx train --show-config > mine.toml;  tlx train photos --config mine.toml

DATA holds one folder of photos for each class, or train/ and validation/ folders of that kind.
"""


def train(
    data: Annotated[
        Path | None,
        typer.Argument(help="Folder of photos: one folder for each class.", show_default=False),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            "-p",
            help="default, features (head only: the fastest), book-features, book-augmented, book-finetune, book-r.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A .toml or .yaml file that changes the preset.")
    ] = None,
    show_config: Annotated[bool, typer.Option("--show-config", help="Print what would run, and stop.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest unfinished run (or that of DATA, or a run's name).")
    ] = False,
    from_run: Annotated[
        str | None, typer.Option("--from", help="Start from an earlier run: its folder, its name, or latest.")
    ] = None,
    weights: Annotated[
        str, typer.Option("--weights", help="imagenet, none (random, for tests), or a file (.h5, .keras, .onnx).")
    ] = "imagenet",
    unfreeze_from: Annotated[
        str | None,
        typer.Option("--unfreeze-from", metavar="LAYER", help="First convolution to fine-tune, as in block4_conv1."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Epochs of the last phase.")] = None,
    size: Annotated[int | None, typer.Option("--size", help="Another input size in pixels (square).")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
    balance: Annotated[
        bool, typer.Option("--balance", help="Let rare classes count as much as frequent ones.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse photos that can't be read.")] = False,
    gpus: Annotated[
        str | None, typer.Option("--gpus", help="all, a number, or 0 for the CPU (default: one GPU if there is any).")
    ] = None,
    cache_gb: Annotated[float, typer.Option("--cache-gb", min=0.1, help="Most that cached features may take.")] = 20.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write logs for TensorBoard into the run.")
    ] = False,
    runs: Annotated[Path, typer.Option("--runs", help="Folder for the runs.")] = Path("runs"),
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train a classifier on a folder of photos."""
    del verbose
    from tlx.core.recipes.recipe_file import to_toml
    from tlx.core.runs import open_run
    from tlx.core.training.train import Listener, Machine, TrainOptions
    from tlx.core.training.train import resume as resume_training
    from tlx.core.training.train import train as train_run
    from tlx.progress import deaf

    changes = {"preset": preset, "config": config, "unfreeze-from": unfreeze_from, "epochs": epochs, "size": size}
    machine = Machine(gpus=gpus, cache_gb=cache_gb, tensorboard=tensorboard)
    if resume:
        others = {"seed": seed, "balance": balance, "strict": strict, "show-config": show_config}
        changes |= {"from": from_run, "weights": None if weights == "imagenet" else weights}
        _refuse_changes(changes | {name: value or None for name, value in others.items()})
        with terminal.progress_bar(quiet=quiet) as progress:
            listener = Listener(progress, deaf if quiet else terminal.note, _confirm)
            run = resume_training(_unfinished(data, runs), machine, listener)
        _tell(run, quiet=quiet)
        return
    started_from = open_run(from_run, runs) if from_run else None
    if started_from and (preset or size or weights != "imagenet"):
        raise InputError("--from continues a run as it is: leave out --preset, --size and --weights")
    recipe = _recipe(changes, started_from)
    if show_config:
        terminal.say(to_toml(recipe).rstrip())
        return
    if data is None:
        raise InputError("tlx train needs DATA, a folder that holds one folder of photos for each class")
    options = TrainOptions(
        recipe=recipe,
        seed=seed,
        weights=weights,
        started_from=started_from,
        strict=strict,
        balance=balance,
        runs_root=runs,
        machine=machine,
    )
    with terminal.progress_bar(quiet=quiet) as progress:
        run = train_run(data, options, Listener(progress, deaf if quiet else terminal.note, _confirm))
    _tell(run, quiet=quiet)


def _recipe(changes: dict[str, Any], started_from: Run | None) -> Recipe:
    from tlx.core.recipes.presets import DEFAULT_PRESET, find_preset
    from tlx.core.recipes.recipe_file import load_recipe

    recipe = started_from.recipe if started_from else find_preset(changes["preset"] or DEFAULT_PRESET)
    if changes["config"] is not None:
        recipe = load_recipe(changes["config"], recipe)
    return recipe.changed(epochs=changes["epochs"], size=changes["size"], unfreeze_from=changes["unfreeze-from"])


def _refuse_changes(changes: dict[str, Any]) -> None:
    given = [f"--{name}" for name, value in changes.items() if value is not None]
    if given:
        raise InputError(f"--resume goes on with a run as it began: leave out {', '.join(given)}")


def _unfinished(data: Path | None, runs: Path) -> Path:
    from tlx.core.training.train import find_unfinished

    return find_unfinished(None if data is None else str(data), runs)


def _confirm(question: str) -> bool:
    """Ask a person; where there is none the answer is no."""
    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)


def _tell(run: Run, *, quiet: bool) -> None:
    from tlx.core.comparing.survey import runs_option

    result = run.record.result
    validation_photos = sum(run.record.data.counts["validation"].values())
    terminal.say(
        f"{run.folder}: validation accuracy {result.validation_accuracy:.4f} on {validation_photos} photos "
        f"(epoch {result.kept_epoch} of {result.epochs}), training accuracy {result.training_accuracy:.4f}"
    )
    if not quiet:
        terminal.note(f"report: {run.folder / 'report.html'}")
        terminal.next_command(f"tlx export model.onnx{runs_option(run.folder.parent)}")


train.__doc__ = f"{train.__doc__}\n{EXAMPLE}"
