"""The one error tree of tlx.

    TlxError                    2
    ├── InputError              2   what the user named can't be used
    │   ├── ImageError          2   one picture: its file and the reason
    │   ├── DataError           2   a folder of photos
    │   ├── ModelFileError      2   an .onnx file
    │   ├── RunError            2   a run folder
    │   ├── WeightsError        2   pretrained weights
    │   └── SourceError         2   a video, a camera, a list of files
    ├── MissingDependencyError  2   a package or a Debian library isn't there
    ├── OutputError             2   a result can't be written (rights, disk full)
    ├── EngineError             2   an engine of a benchmark crashed, hangs or gave no answer
    ├── GateError               1   a measured promise isn't kept: nothing was published
    └── DeviceError             3   a device or execution provider isn't available

The numbers are the exit codes of the command line (130 is an interrupt). Messages are one line and
say what was expected, what came, and what to do. Errors of other libraries are mapped at the one place
that calls them, with ``raise ... from error``.
"""

from __future__ import annotations

from pathlib import Path


class TlxError(Exception):
    """Base of everything that tlx raises on purpose; ``str()`` is one line for a person."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class InputError(TlxError):
    """What the user named doesn't exist or can't be used."""


class ImageError(InputError):
    """One picture can't be decoded.

    Attributes:
        source: The file's path, or the name under which the bytes came.
        reason: Why, without the name.
    """

    def __init__(self, source: str | Path, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = str(source)
        self.reason = " ".join(reason.split())


class DataError(InputError):
    """A folder of photos can't be trained on or evaluated."""


class ModelFileError(InputError):
    """An .onnx file is damaged, foreign or hostile."""


class RunError(InputError):
    """A run folder is missing, unfinished or damaged."""


class WeightsError(InputError):
    """Pretrained weights can't be had or aren't what they claim to be."""


class SourceError(InputError):
    """A video, a camera or a list of files can't be opened."""


class MissingDependencyError(TlxError):
    """A Python package or a system library is missing; the message names what to install."""


class OutputError(TlxError):
    """A result can't be written."""


class EngineError(TlxError):
    """An engine of a benchmark crashed, hangs or gave no answer."""


class GateError(TlxError):
    """A gate (parity, accuracy, speed, budget) said no; nothing was published."""

    exit_code = 1


class DeviceError(TlxError):
    """The device or execution provider asked for isn't available."""

    exit_code = 3
