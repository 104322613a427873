"""Keras files that tlx didn't train, with what somebody says of them: labels, preprocessing, resize."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tlx.contract import KerasFileRecord, ResizeMethod
from tlx.errors import InputError
from tlx.export.claim import Claim
from tlx.export.fp32 import TrainedModel
from tlx.export.keras_model import describe_keras_file, refuse_raw_scores
from tlx.export.labels import read_labels
from tlx.export.preprocessing import Claimed

MAX_SIDE = 4096
"""As the contract allows."""
_PICTURE_AXES, _COLOURS = 4, 3


@dataclass(frozen=True, slots=True)
class KerasRequest:
    """What the command line says of a file; None where it says nothing.

    Attributes:
        labels: See :func:`tlx.export.labels.read_labels`.
        size: Height and width in pixels, for a model that takes any.
        minimum: The lowest accuracy allowed on labelled photos, 0 to 1.
    """

    file: Path
    labels: str | None = None
    preprocessing: Claimed | None = None
    resize: ResizeMethod | None = None
    photos: Path | None = None
    size: int | None = None
    minimum: float | None = None


def missing_options(request: KerasRequest) -> list[str]:
    """The options that a file needs and that weren't given, each with what it may be."""
    wanted = {
        "--labels cats,dogs|FILE.txt": request.labels,
        "--preprocess imagenet|rescale|signed|none": request.preprocessing,
        "--resize nearest|bilinear|area": request.resize,
        "--photos DIR": request.photos,
    }
    return [option for option, given in wanted.items() if given is None]


def foreign_model(request: KerasRequest, labels: list[str], truths: Mapping[Path, str]) -> TrainedModel:
    """A file as export takes it.

    Args:
        request: With all options.
        labels: Those of ``request``, read.
        truths: The labels of photos that lie in folders called like labels; empty if none do.

    Raises:
        InputError: If the file is none that can be exported, or the options don't fit it.
    """
    missing = missing_options(request)
    if missing:
        raise InputError(f"--keras needs {', '.join(missing)}: a Keras file doesn't say how it was trained")
    assert request.preprocessing is not None
    assert request.resize is not None
    described = describe_keras_file(request.file)
    refuse_raw_scores(described, request.file)
    if request.minimum is not None and not truths:
        raise InputError(
            f"--min-accuracy needs labelled photos: give {request.photos} one folder of photos for each label "
            f"({', '.join(labels[:10])})"
        )
    return TrainedModel(
        keras_model=request.file,
        labels=labels,
        size_hw=picture_size(described.shape, request.size, request.file),
        resize=request.resize,
        training=None,
        keras_file=KerasFileRecord(
            name=request.file.name, sha256=_sha256(request.file), preprocessing=request.preprocessing
        ),
        preprocessing=request.preprocessing,
        claim=Claim(truths, request.minimum) if truths else None,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def labels_of(request: KerasRequest) -> list[str]:
    """The labels that were given; none if they are missing."""
    return [] if request.labels is None else read_labels(request.labels)


def picture_size(shape: list[int | None] | None, size: int | None, path: Path) -> tuple[int, int]:
    """The height and width of the pictures that a model takes.

    Args:
        shape: What the model takes, the batch's axis first; None if its file doesn't say.
        size: What was asked for.
        path: The model's file, for the errors.

    Raises:
        InputError: If it takes no pictures of three colours, or the size isn't known, or another was asked for.
    """
    if shape is not None and (len(shape) != _PICTURE_AXES or shape[-1] not in {_COLOURS, None}):
        hint = " (grayscale)" if len(shape) == _PICTURE_AXES and shape[-1] == 1 else ""
        first = " (channels first?)" if len(shape) == _PICTURE_AXES and shape[1] == _COLOURS else ""
        raise InputError(
            f"{path}: takes {shape[1:]}{hint}{first}, expected pictures of [height, width, 3]: "
            "build the model again for colour pictures"
        )
    height, width = (None, None) if shape is None else shape[1:3]
    if height is None or width is None:
        if size is None:
            raise InputError(f"{path}: takes pictures of any size: say which it gets, such as --size 224")
        return (height or size, width or size)
    if not (_is_side(height) and _is_side(width)):
        raise InputError(f"{path}: takes pictures of {height} x {width} pixels, expected 1 to {MAX_SIDE}: refused")
    if size is not None and (height, width) != (size, size):
        raise InputError(f"{path}: takes pictures of {height} x {width} pixels: leave out --size {size}")
    return (height, width)


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SIDE
