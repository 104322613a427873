"""``tlx classify``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import Device, DeviceOption, QuietOption, VerboseOption
from tlx.errors import InputError, SourceError

if TYPE_CHECKING:
    from tlx.runtime.sources.live import CameraWish
    from tlx.runtime.sources.view import View

_EXAMPLE = "try 'tlx classify model.onnx photo.jpg'"
_MEGABYTE = 2**20


class LineFormat(StrEnum):
    """How results are written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def classify(
    model_or_source: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="The model file or a models folder, unless -m names it.", show_default=False
        ),
    ] = None,
    more_sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Photos, folders, quoted patterns, videos, camera numbers, rtsp:// and http:// addresses; - is stdin.",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="The model file; then all other words are sources.")
    ] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="One more source.", show_default=False)] = None,
    topk: Annotated[int, typer.Option("--topk", min=1, help="How many classes to show, the likeliest first.")] = 1,
    format_: Annotated[
        LineFormat, typer.Option("--format", "-f", help="text for people, json (one object a line) or csv.")
    ] = LineFormat.TEXT,
    device: DeviceOption = Device.AUTO,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Processors to use; all that this process may, if left out.")
    ] = None,
    stride: Annotated[
        int, typer.Option("--stride", min=1, help="Take every so many-th frame of videos and cameras.")
    ] = 1,
    start: Annotated[str | None, typer.Option("--start", help="Where to begin in videos: 90, 1:30, 0:01:30.")] = None,
    duration: Annotated[str | None, typer.Option("--duration", help="How much of videos, written so.")] = None,
    rotate: Annotated[int, typer.Option("--rotate", help="Turn pictures clockwise, first of all: 90, 180 or 270.")] = 0,
    roi: Annotated[
        str | None,
        typer.Option("--roi", help="Look at X,Y,WIDTH,HEIGHT only: pixels, or percents as in 10%,10%,80%,80%."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 2 at the first bad file.")] = False,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with this file of JSON results: skip what it has, append.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option("--camera", help="What cameras are asked for: 1280x720, 1280x720@30 or @30.")
    ] = None,
    max_age: Annotated[
        float, typer.Option("--max-age", min=0.01, help="Live pictures older than so many seconds get no label.")
    ] = 1.0,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="The calibrated probability that a label needs; below it's 'unknown'."),
    ] = None,
    hysteresis: Annotated[
        float | None, typer.Option("--hysteresis", help="How far below it a label may fall once it's said.")
    ] = None,
    hold: Annotated[
        float | None, typer.Option("--hold", help="Live: seconds for which a new label must be ahead.")
    ] = None,
    smoothing: Annotated[
        float | None, typer.Option("--smoothing", help="Live: average probabilities over so many seconds.")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Only changes instead of a line a frame; smooths over 1 s unless told.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="Annotated copies: a .jpg or .png, a .webm, or a folder.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show them in a window; q or Esc quits.")] = False,
    save_uncertain: Annotated[
        Path | None, typer.Option("--save-uncertain", help="A folder for pictures that are worth labelling.")
    ] = None,
    save_uncertain_mb: Annotated[
        int, typer.Option("--save-uncertain-mb", min=1, help="How much it may hold; the oldest go first.")
    ] = 200,
    watch: Annotated[
        bool, typer.Option("--watch", help="Change to a new model when the file (or the folder's current one) changes.")
    ] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Name what is on photos, in videos or before a camera.

    Example:  tlx classify model.onnx photos/ 'more/*.jpg' clip.mp4

    Example:  tlx classify model.onnx 0 --threshold 0.8 --events --format json
    """
    del verbose
    if watch and resume is not None:
        raise InputError(
            "--resume and --watch can't be combined: a file of results holds the answers of a single model; "
            "leave one of them out"
        )
    model_path, words = _split(model, model_or_source, [*(more_sources or []), *(source or [])])

    from tlx.runtime.asked import Asked, Deciding, Engine, Reading, Telling
    from tlx.runtime.job import classify as run
    from tlx.runtime.sources.clock import parse_clock, parse_duration

    asked = Asked(
        Engine(model_path, device.value, threads, watch),
        Reading(
            words,
            stride,
            0.0 if start is None else parse_clock(start),
            None if duration is None else parse_duration(duration),
            _camera(camera),
            max_age,
            _view(rotate, roi),
            strict,
        ),
        Deciding(threshold, hysteresis, hold, smoothing),
        Telling(format_.value, topk, events, resume, save, show, save_uncertain, save_uncertain_mb * _MEGABYTE),
    )
    outcome = run(asked, _silent if quiet else terminal.note)
    if outcome.signal is not None:
        raise typer.Exit(128 + outcome.signal)
    if outcome.problem is not None:
        if outcome.is_told:
            raise typer.Exit(SourceError.exit_code)
        raise SourceError(outcome.problem)


def _silent(text: str) -> None:
    del text


def _split(model: Path | None, first: str | None, more: list[str]) -> tuple[Path, tuple[str, ...]]:
    """The model's path and the sources: with ``-m`` the first word is a source too."""
    if model is not None and (first is not None or more):
        return model, (*([first] if first is not None else []), *more)
    if model is None and first is not None and more:
        return Path(first), tuple(more)
    given = model or first
    raise InputError(f"expected a model file and at least one source, received {given or 'nothing'}: {_EXAMPLE}")


def _view(rotate: int, roi: str | None) -> View:
    from tlx.runtime.sources.view import View, parse_region

    return View(rotate, parse_region(roi) if roi else None)


def _camera(text: str | None) -> CameraWish:
    from tlx.runtime.sources.live import NO_WISH, parse_wish

    return parse_wish(text) if text else NO_WISH
