"""From the files of tlx to a peer's own file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peers.catalog import PEERS, PNNX, Peer
from peers.environments import Environment
from tlx.errors import InputError, MissingDependencyError

_SCRIPTS: Final = Path(__file__).with_name("conversions")


@dataclass(frozen=True, slots=True)
class Sources:
    """What tlx made.

    Attributes:
        onnx: A model file at fp32.
        keras: The Keras model that it's of; None if it isn't here.
        size_hw: Height and width that they take.
    """

    onnx: Path
    keras: Path | None
    size_hw: tuple[int, int]


def file_for(peer: Peer, sources: Sources, folder: Path) -> Path:
    """The file that a peer loads, made in ``folder`` if it has its own form.

    Raises:
        InputError: If the Keras model isn't here.
        MissingDependencyError: If the converter can't be had, or fails.
    """
    if peer.source == "none":
        return Path(peer.name)
    source = sources.onnx if peer.source == "onnx" else sources.keras
    if source is None:
        raise InputError(f"{peer.name}: is made of the Keras model, which isn't here: name its run with --keras RUN")
    if not peer.suffix:
        return source
    target = folder / f"{peer.name}{peer.suffix}"
    if peer.name == "ncnn":
        _to_ncnn(source, sources.size_hw, folder)
    else:
        converter = _converter(peer)
        converter.run(converter.python, _SCRIPTS / f"{peer.name}.py", source, target)
    if not target.is_file():
        raise MissingDependencyError(f"{peer.name}: its converter ended, but {target} isn't there")
    return target


def _converter(peer: Peer) -> Environment:
    """The environment that converts: LiteRT's own package can't, TensorFlow can."""
    name = "plainkeras" if peer.name == "litert" else peer.name
    environment = next(one.environment for one in PEERS if one.name == name)
    environment.make()
    return environment


def _to_ncnn(source: Path, size_hw: tuple[int, int], folder: Path) -> None:
    PNNX.make()
    work = folder / "ncnn.onnx"
    work.write_bytes(source.read_bytes())
    packages = PNNX.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    height, width = size_hw
    shape = f"inputshape=[1,{height},{width},3]u8"
    PNNX.run(packages / "pnnx" / "pnnx", work, shape, "fp16=0")
    # The graph's cast to float has no counterpart in ncnn: the engine feeds floats.
    graph = work.with_suffix(".ncnn.param")
    graph.write_text(graph.read_text().replace("Tensor.to ", "Noop      "))
