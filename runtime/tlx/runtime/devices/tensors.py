"""What goes into a graph and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph.

    Attributes:
        dtype: As ONNX Runtime names it, such as ``tensor(uint8)``.
        shape: An integer where the size is fixed, None where it's free.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def describe_tensor(info: Any) -> Tensor:
    """A tensor out of ONNX Runtime's description of it."""
    return Tensor(info.name, info.type, tuple(size if isinstance(size, int) else None for size in info.shape))
