"""The parts of a classifier's graph: what prepares the pixels, what computes, and what makes probabilities of it.

The front and the end stay in float32 at every precision: they cost next to nothing, and the end's small
differences are what the answer is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tlx.errors import InputError

COMPUTE_OPERATORS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True, slots=True)
class Parts:
    """The nodes of a graph by their names, each part in the order of computation.

    Attributes:
        front: Before the first layer with weights, constants included.
        body: Layers with weights, and what lies between them.
        end: After the last one.
        compute: Those of ``body`` that hold weights and cost time.
    """

    front: tuple[str, ...]
    body: tuple[str, ...]
    end: tuple[str, ...]
    compute: tuple[str, ...]

    @property
    def outermost(self) -> tuple[str, str]:
        """The first and the last layer with weights."""
        return self.compute[0], self.compute[-1]


def split(graph: Any) -> Parts:
    """Find the parts of an ``onnx.GraphProto`` whose nodes have names of their own.

    Raises:
        InputError: If no layer computes.
    """
    compute = [node.name for node in graph.node if node.op_type in COMPUTE_OPERATORS]
    if not compute:
        raise InputError("the network has no layer that a cheaper precision would speed up: use --precision fp32")
    after = _reached(list(graph.node), inputs="input", outputs="output")
    before = _reached(list(reversed(graph.node)), inputs="output", outputs="input")
    names = [node.name for node in graph.node]
    return Parts(
        front=tuple(name for name in names if name not in after),
        body=tuple(name for name in names if name in after and name in before),
        end=tuple(name for name in names if name in after and name not in before),
        compute=tuple(compute),
    )


def name_nodes(graph: Any) -> None:
    """Give each node that has none, or another's, a name of its own."""
    taken: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}__{number}"
        while node.name in taken:
            node.name += "_"
        taken.add(node.name)


def _reached(nodes: list[Any], *, inputs: str, outputs: str) -> set[str]:
    """Names of the layers that compute and of all nodes that they lead to, in the direction of ``nodes``."""
    tensors: set[str] = set()
    reached: set[str] = set()
    for node in nodes:
        if node.op_type in COMPUTE_OPERATORS or not tensors.isdisjoint(getattr(node, inputs)):
            tensors.update(name for name in getattr(node, outputs) if name)
            reached.add(node.name)
    return reached
