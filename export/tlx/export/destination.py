"""Where an export goes: a file or a models folder, and a Triton model repository beside it if that's wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tlx.errors import InputError
from tlx.export.exporter import Exported
from tlx.export.triton import publish_to_triton, require_triton_model
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import publish, scratch


@dataclass(frozen=True, slots=True)
class Destination:
    """Make one with :func:`choose_destination`.

    Attributes:
        output: The file to write; None if it goes into ``registry``.
        registry: The models folder to publish into.
        triton: A Triton model repository, written too.
    """

    output: Path | None
    registry: Path | None
    triton: Path | None

    @property
    def shown(self) -> Path:
        """What the model is called from now on: the file or the models folder."""
        path = self.output or self.registry
        assert path is not None
        return path

    @property
    def triton_name(self) -> str:
        """The model's name in Triton: the file's, or the models folder's."""
        return self.output.stem if self.output else self.shown.resolve().name

    def beside(self, ending: str) -> Path:
        """A file that goes along with the model: ``model.worst.png`` beside ``model.onnx`` or ``model/``."""
        folder = self.output.parent if self.output else self.shown.resolve().parent
        return folder / f"{self.triton_name}{ending}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is where now.

    Attributes:
        exported: With the path and the seal that it was published under.
        triton_version: The folder of its version in the Triton model repository, if one was asked for.
    """

    exported: Exported
    triton_version: Path | None


def choose_destination(output: Path | None, registry: Path | None, triton: Path | None) -> Destination:
    """Exactly one of a file and a models folder.

    Raises:
        InputError: If it's none or both.
    """
    if (output is None) == (registry is None):
        got = "neither" if output is None else "both"
        raise InputError(f"expected a file to write (model.onnx) or a models folder (--to models/), got {got}")
    if registry is not None and not registry.resolve().name:
        raise InputError(f"--to {registry}: expected a folder of its own, such as models/")
    return Destination(output, registry, triton)


def deliver(destination: Destination, labels: Sequence[str], export: Callable[[Path], Exported]) -> Delivered:
    """Export and publish.

    Args:
        destination: Where to; what can't be there is refused before anything is exported.
        labels: Of the model.
        export: Writes a proven file to the path that it's given.

    Raises:
        TlxError: Those of ``export``, of :mod:`tlx.runtime.model_publishing` and of :mod:`tlx.export.triton`.
    """
    if destination.triton:
        require_triton_model(destination.triton_name, labels)
    with contextlib.ExitStack() as cleaning:
        file = destination.output
        if file is None:
            file = cleaning.enter_context(scratch(destination.shown))
        exported = export(file)
        if destination.registry:
            switch = publish(destination.registry, ModelFile.read(file))
            exported = replace(exported, path=switch.path, sha256=switch.sha256)
        version = None
        if destination.triton:
            model = ModelFile.read(exported.path)
            version = publish_to_triton(destination.triton, destination.triton_name, model)
    return Delivered(exported, version)
