"""Options that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class TextFormat(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"


class Device(StrEnum):
    """Where a model runs."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"
    TRT = "trt"
    OPENVINO = "openvino"
    COREML = "coreml"


class _Settings:
    verbose = False


def set_verbose(value: bool) -> bool:
    """Remember that tracebacks are wanted."""
    _Settings.verbose = _Settings.verbose or value
    return value


def is_verbose() -> bool:
    """Whether ``-v`` was given."""
    return _Settings.verbose


VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", callback=set_verbose, help="Show the traceback of an error.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes, only results and errors.")]
DeviceOption = Annotated[
    Device,
    typer.Option(
        "--device",
        "-d",
        help="auto takes a GPU that works, else the CPU; any other is got or is an error (trt: TensorRT).",
    ),
]
FormatOption = Annotated[TextFormat, typer.Option("--format", "-f", help="text for people, json for programs.")]
