"""The photos on which a gate failed, as a picture: what each side says stands below each photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tlx import atomic, images
from tlx.errors import ImageError, OutputError
from tlx.opencv import cv2
from tlx.runtime.classifier import decide
from tlx.runtime.drawing import blank, framed, letterbox, text_line

SHOWN: Final = 12
"""As many photos as a picture shows at most."""
_COLUMNS: Final = 4
_CELL_HW: Final = (200, 220)


@dataclass(frozen=True, slots=True)
class WorstPhoto:
    """One photo of the picture.

    Attributes:
        path: Its file.
        lines: What is written below its name, as many for each photo of a picture.
    """

    path: Path
    lines: tuple[str, ...]


def picture_beside(output: Path) -> Path:
    """Where the picture of a model file goes: ``model.worst.png`` beside ``model.onnx``."""
    return output.with_name(f"{output.stem}.worst.png")


def picture_words(picture: Path | None, worst: Sequence[WorstPhoto]) -> str:
    """Write the picture, if one is wanted, and say where it is; nothing if it can't be written.

    The gate's own message matters more than a full disk.
    """
    if picture is None or not worst:
        return ""
    try:
        write_picture(picture, worst)
    except OutputError:
        return ""
    return f"; they are shown in {picture}"


def write_picture(picture: Path, worst: Sequence[WorstPhoto]) -> None:
    """Draw the first :data:`SHOWN` photos, in their order, into a PNG file.

    Raises:
        OutputError: If it can't be written.
        ValueError: If there is no photo.
    """
    done, content = cv2.imencode(".png", draw(worst[:SHOWN])[..., ::-1])
    assert done
    atomic.write_bytes(picture, content.tobytes())


def draw(worst: Sequence[WorstPhoto]) -> npt.NDArray[np.uint8]:
    """Draw a grid of photos, each with its file's name and its lines below.

    Returns:
        ``uint8 [H, W, 3]``, RGB, on white.

    Raises:
        ValueError: If there is no photo.
    """
    if not worst:
        raise ValueError("expected at least one photo")
    cells = [_cell(photo) for photo in worst]
    columns = min(_COLUMNS, len(cells))
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    rows = [np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    return framed(np.vstack(rows))


def answer_words(probabilities: npt.NDArray[np.floating[Any]], labels: Sequence[str], threshold: float) -> str:
    """What one side says of a photo: ``cats 0.9312``.

    Args:
        probabilities: ``[classes]``.
        labels: In their order; without them classes have numbers.
        threshold: For two classes: the probability from which the second label is given.
    """
    if not np.isfinite(probabilities).all():
        return "not a number"
    chosen = decide(probabilities.tolist(), threshold)
    label = labels[chosen] if labels else f"class {chosen}"
    return f"{label} {probabilities[chosen]:.4f}"


def _cell(photo: WorstPhoto) -> npt.NDArray[np.uint8]:
    try:
        picture_rgb = letterbox(images.read(photo.path), _CELL_HW)
    except ImageError:  # it was read before; its name and the answers still tell
        picture_rgb = blank(_CELL_HW)
    lines = [text_line(text, _CELL_HW[1]) for text in (photo.path.name, *photo.lines)]
    return framed(np.vstack([picture_rgb, *lines]))
