"""The first message to a worker that times a model file: one picture a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.runtime.model_file import ModelFile
from tlx.runtime.processors import usable_processors
from tlx.runtime.session import Device
from tlx.runtime.timing.pinning import choose_cpus
from tlx.runtime.timing.protocol import ONNX_KIND, Setup

LOAD_TIMEOUT_S: Final = 120.0
_PICTURES: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where files are timed.

    Attributes:
        device: As the user asks for it.
        threads: Processors for one operator; those that this process may use if None.
    """

    device: Device = "auto"
    threads: int | None = None


ANYWHERE: Final = Place()


def setup_of(model: Path, place: Place, photos: Sequence[Path] = (), synthetic: int = _PICTURES) -> Setup:
    """What a worker has to load.

    Args:
        model: The file.
        place: Where it's timed.
        photos: Its pictures; if there are none, ``synthetic`` ones are made by formula.
        synthetic: How many.

    Raises:
        ModelFileError: If the file isn't one of tlx.
    """
    contract = ModelFile.read(model).contract
    threads = place.threads or usable_processors()
    return Setup(
        kind=ONNX_KIND,
        model=str(model.resolve()),
        device=place.device,
        classes=len(contract.labels),
        threads=threads,
        cpus=list(choose_cpus(threads)),
        photos=[str(photo) for photo in photos],
        synthetic=0 if photos else synthetic,
        size_hw=list(contract.input.size_hw),
        resize=contract.resize.method,
        batch=1,
    )
